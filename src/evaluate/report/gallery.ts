import { KIND_COLOURS, readable } from '../../encode/drawing.js';
import { heatColour } from '../../encode/heat.js';
import { DEFECT_KINDS, type DefectKind, KIND_MEANINGS } from '../../kinds.js';
import { OUTCOME_WORDS, percent } from './figures.js';
import { html, type Markup } from './markup.js';
import { evidenceOf, type Outcome, outcomeOf, type ReportImage } from './report.js';
import { GALLERY_SCALE } from './thumbnail.js';

/** Places that a card lists and marks, the strongest first. */
const PLACES_SHOWN = 4;
/** Thumbnails are drawn on as if their longer side had so many pixels: lines and numbers look alike on all cards. */
const DRAWN_SIDE = 240;
/** Between a place and its box, in those pixels: the heat of a small place stays in sight. */
const BOX_MARGIN = 3;

/**
 * The images in the order in which they need looking at: missed defects, the lowest score first; false alarms, the
 * highest first; then all others, the highest first.
 */
export function inOrderOfConcern(images: readonly ReportImage[]): ReportImage[] {
  const rank: Readonly<Record<Outcome, number>> = { missed: 0, 'false alarm': 1, found: 2, passed: 2 };
  const rankOf = (image: ReportImage): number => rank[outcomeOf(image)];
  return [...images].sort(
    (a, b) =>
      rankOf(a) - rankOf(b) || (rankOf(a) === 0 ? a.score - b.score : b.score - a.score) || (a.file < b.file ? -1 : 1),
  );
}

/** Every test image as a card, in three sections. */
export function gallery(images: readonly ReportImage[]): Markup {
  const sections: readonly (readonly [title: string, none: string, outcomes: readonly Outcome[]])[] = [
    ['Missed defects', 'No defective image passed.', ['missed']],
    ['False alarms', 'No good image was rejected.', ['false alarm']],
    ['All other images, highest score first', 'There are no other images.', ['found', 'passed']],
  ];
  const ordered = inOrderOfConcern(images);
  return html`${sections.map(([title, none, outcomes]) => {
    const own = ordered.filter((image) => outcomes.includes(outcomeOf(image)));
    return html`<section class="cards"><h3>${title} <span class="count">${own.length}</span></h3>
${own.length === 0 ? html`<p class="quiet">${none}</p>` : html`<div class="grid">${own.map(card)}</div>`}
</section>
`;
  })}`;
}

function card(image: ReportImage): Markup {
  const { file, defect, verdict, score, pValue, thumbnail } = image;
  const outcome = outcomeOf(image);
  const evidence = verdict === 'pass' ? '' : evidenceOf(image);
  const size = html`width="${thumbnail.width}" height="${thumbnail.height}"`;
  const canvas = html`viewBox="0 0 ${thumbnail.width} ${thumbnail.height}" aria-hidden="true"`;
  return html`<article class="card" data-outcome="${outcome}" data-defect="${defect}" data-evidence="${evidence}">
<header><h4>${file}</h4><span class="verdict ${verdict}">${verdict}</span></header>
<div class="pictures">
<div class="picture"><img ${size} alt="${altOf(image)}" src="${dataUri(thumbnail.picture)}"/>${thumbnail.truth === '' ? null : html`<svg ${canvas}><path class="halo" d="${thumbnail.truth}"/><path class="truth" d="${thumbnail.truth}"/></svg>`}</div>
<div class="picture"><img ${size} alt="Anomaly map over ${file}" src="${dataUri(thumbnail.heat)}"/><svg ${canvas}>${marks(image)}</svg></div>
</div>
<p class="facts"><b class="${outcome === 'missed' || outcome === 'false alarm' ? 'wrong' : 'right'}">${OUTCOME_WORDS[outcome]}</b> · score <b>${readable(score)}</b> · p ${pValue < 0.0001 ? '< 0.0001' : `= ${readable(pValue)}`}</p>
${evidenceText(image)}
</article>
`;
}

function altOf({ file, defect, thumbnail }: ReportImage): string {
  return thumbnail.truth === '' ? `${file}, ${defect}` : `${file}, ${defect}, the true defect outlined`;
}

function dataUri(webp: Uint8Array): string {
  return `data:image/webp;base64,${Buffer.from(webp).toString('base64')}`;
}

/** Boxes of the listed places, numbered as in the list; dashed where the image passes for all that. */
function marks({ defects, width, height, thumbnail, verdict }: ReportImage): Markup {
  const across = thumbnail.width / width;
  const down = thumbnail.height / height;
  const unit = Math.max(thumbnail.width, thumbnail.height) / DRAWN_SIDE;
  return html`${defects.slice(0, PLACES_SHOWN).map(({ box, kind }, i) => {
    const x = box.x * across - BOX_MARGIN * unit;
    const y = box.y * down - BOX_MARGIN * unit;
    const boxWidth = box.width * across + 2 * BOX_MARGIN * unit;
    const boxHeight = box.height * down + 2 * BOX_MARGIN * unit;
    const frame = html`x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${boxWidth.toFixed(1)}" height="${boxHeight.toFixed(1)}"`;
    const above = y > 16 * unit;
    const numberY = above ? y - 3 * unit : y + boxHeight + 13 * unit;
    return html`<rect class="halo" ${frame}/><rect class="${kind}${verdict === 'pass' ? ' dashed' : ''}" ${frame}/><text x="${x.toFixed(1)}" y="${numberY.toFixed(1)}" font-size="${(13 * unit).toFixed(1)}" stroke-width="${(3 * unit).toFixed(1)}">${i + 1}</text>`;
  })}`;
}

/** Which evidence raised the alarm, and at which places. */
function evidenceText(image: ReportImage): Markup {
  const { defects, verdict, parts } = image;
  const listed = DEFECT_KINDS.map((kind) => `${kind} ${readable(parts[kind])}`).join(', ');
  const more = defects.length - PLACES_SHOWN;
  return html`${verdict === 'pass' ? null : html`<p class="facts">alarm raised by ${kindName(evidenceOf(image))} <span class="quiet">(at the hottest place: ${listed})</span></p>`}
${
  defects.length === 0
    ? html`<p class="facts quiet">no place stands out</p>`
    : html`<ol>${defects
        .slice(0, PLACES_SHOWN)
        .map(
          ({ kind, shares, peak, box }) =>
            html`<li>${kindName(kind)} ${percent(Math.round(shares[kind] * 100) / 100)}, peak ${readable(peak)}, <span class="quiet">${box.width} × ${box.height} px</span></li>`,
        )}${more > 0 ? html`<li class="more quiet">and ${more} more</li>` : null}</ol>`
}`;
}

export function kindName(kind: DefectKind): Markup {
  return html`<span class="kind"><i class="swatch ${kind}"></i>${kind}</span>`;
}

/** Style rules for the kinds, in the colours of the overlays. */
export function kindStyle(): string {
  return DEFECT_KINDS.map(
    (kind) => `.swatch.${kind}{background:${KIND_COLOURS[kind]}}rect.${kind}{stroke:${KIND_COLOURS[kind]}}`,
  ).join('\n');
}

/** What the lines and colours of the gallery mean. */
export function galleryLegend(): Markup {
  const stops = Array.from({ length: 24 }, (_, i) => {
    const [r, g, b, opacity] = heatColour((i / 23) * GALLERY_SCALE.top, GALLERY_SCALE);
    return html`<stop offset="${((i / 23) * 100).toFixed(1)}%" stop-color="rgb(${r},${g},${b})" stop-opacity="${(opacity / 255).toFixed(2)}"/>`;
  });
  const threshold = 200 / GALLERY_SCALE.top;
  return html`<div class="legend">
<span><i class="swatch truth"></i>outline of the true defect</span>
${DEFECT_KINDS.map((kind) => html`<span>${kindName(kind)}: ${KIND_MEANINGS[kind]}</span>\n`)}<span><svg class="heat" viewBox="0 0 200 14" preserveAspectRatio="none" role="img" aria-label="Colours of the anomaly map from the background over the threshold to ${GALLERY_SCALE.top} times as far"><defs><linearGradient id="heat">${stops}</linearGradient></defs><rect width="200" height="14" fill="#868c92"/><rect width="200" height="14" fill="url(#heat)"/><path d="M${threshold} 0v14"/></svg>anomaly map: background, threshold of the map (line), ${GALLERY_SCALE.top} times as far and more; the same scale for every image</span>
</div>`;
}
