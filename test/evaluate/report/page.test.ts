import assert from 'node:assert/strict';
import test from 'node:test';
import type { Evaluation } from '../../../src/evaluate/evaluate.js';
import { inOrderOfConcern } from '../../../src/evaluate/report/gallery.js';
import { histogram } from '../../../src/evaluate/report/histogram.js';
import { renderReport } from '../../../src/evaluate/report/page.js';
import { evidenceOf, type Report, type ReportImage } from '../../../src/evaluate/report/report.js';
import { byKind } from '../../../src/kinds.js';
import type { Defect } from '../../../src/types.js';
import { elementsOf } from './html.js';

const THRESHOLD = 2;

function place(kind: Defect['kind'], peak: number): Defect {
  const shares = byKind((each) => (each === kind ? 0.7 : 0.15));
  return { box: { x: 10, y: 20, width: 30, height: 40 }, area: 900, peak, kind, shares };
}

function image(file: string, score: number, defects: readonly Defect[] = []): ReportImage {
  return {
    file,
    defect: file.split('/')[0]!,
    verdict: score > THRESHOLD ? 'fail' : 'pass',
    score,
    pValue: 0.05,
    parts: { position: score * 0.25, context: score * 0.5, distortion: score * 0.25 },
    defects,
    width: 480,
    height: 320,
    thumbnail: {
      width: 240,
      height: 160,
      picture: Uint8Array.of(1, 2, 3),
      heat: Uint8Array.of(4, 5, 6),
      truth: file.startsWith('good') ? '' : 'M1 1L5 5',
    },
  };
}

const IMAGES = [
  image('good/0.png', 0.5),
  image('good/1.png', 2.5, [place('distortion', 3)]),
  image('good/2.png', 4),
  image('good/3.png', 1.5, [place('context', 1.9)]),
  image('dent/0.png', 1.2),
  image('dent/1.png', 5, [place('position', 6), place('distortion', 5.5)]),
  image('scratch/0.png', 0.8),
  image('scratch/1.png', 9, [place('distortion', 9)]),
];

function reportOf(images: readonly ReportImage[], overrides: Partial<Evaluation> = {}): Report {
  const good = images.filter(({ defect }) => defect === 'good');
  const defective = images.filter(({ defect }) => defect !== 'good');
  const group = {
    imageAuroc: defective.length > 0 ? 0.8125 : null,
    pixelAuroc: defective.length > 0 ? 0.97 : null,
    pixelAurocError: defective.length > 0 ? 1e-6 : null,
    aupro: defective.length > 0 ? 0.93 : null,
    aupro05: defective.length > 0 ? 0.71 : null,
    images: images.length,
    good: good.length,
    defective: defective.length,
    verdicts: {
      falseRejects: good.filter(({ verdict }) => verdict === 'fail').length,
      misses: defective.filter(({ verdict }) => verdict === 'pass').length,
      invalid: 0,
    },
  };
  const names = [...new Set(defective.map(({ defect }) => defect))];
  const interval = defective.length > 0 ? { low: 0.7, high: 0.9 } : null;
  return {
    subject: {
      model: 'part@1.2.0',
      trainedOn: { images: 120, steps: 900 },
      provider: 'cpu',
      threshold: { score: THRESHOLD, extrapolated: true, choice: { falseRejectRate: 0.005 }, goodScores: 40 },
      agent: '0.1.0',
      evaluated: new Date('2026-01-02T03:04:05Z'),
    },
    evaluation: {
      dataset: 'parts',
      ...group,
      perDefect: Object.fromEntries(names.map((name) => [name, group])),
      notes: [],
      msPerImage: 12.34,
      scores: [],
      ...overrides,
    },
    images,
    intervals: { imageAuroc: interval, pixelAuroc: interval, aupro: interval, aupro05: interval },
    perDefect: Object.fromEntries(names.map((name) => [name, interval])),
    proCurve:
      defective.length === 0
        ? []
        : [
            { falsePositiveRate: 0, overlap: 0 },
            { falsePositiveRate: 0.01, overlap: 0.8 },
            { falsePositiveRate: 0.3, overlap: 0.95 },
          ],
  };
}

/** The text that a reader sees, tags taken out. */
function textOf(page: string): string {
  return page
    .replace(/<(script|style)>[\s\S]*?<\/\1>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}

test('the page is well-formed, in itself complete, and refers to nothing outside', () => {
  const page = renderReport(reportOf(IMAGES));
  const names = elementsOf(page);
  assert.ok(!names.includes('link') && !names.includes('iframe'));
  assert.equal(names.filter((name) => name === 'script').length, 1);
  assert.doesNotMatch(page, /https?:|\bsrc="(?!data:)|@import|url\((?!#)|\bhref=/);
  assert.match(page, /Content-Security-Policy" content="default-src &#39;none&#39;; img-src data:/);
  assert.equal(names.filter((name) => name === 'h1').length, 1);
  assert.equal([...page.matchAll(/<img [^>]*alt="[^"]+"/g)].length, IMAGES.length * 2);
  assert.match(page, /<html lang="en">/);
});

test('it says what was measured', () => {
  const text = textOf(renderReport(reportOf(IMAGES)));
  assert.match(text, /part@1\.2\.0, trained on 120 good images in 900 steps/);
  assert.match(text, /parts: 8 test images, 4 good and 4 defective/);
  assert.match(text, /2; a higher score fails\. It is to reject 0\.5 % of good parts; the 40 scores of good images/);
  assert.match(text, /12\.3 ms an image \(median\), from pixels to score and map, on cpu/);
  assert.match(text, /2026-01-02 03:04 UTC with sideglance 0\.1\.0/);
  assert.match(text, /Missed defects 2 of 4 15 % to 85 %/);
  assert.match(text, /AUPRO 5 % 0\.710 0\.700 to 0\.900/);
});

test('names are escaped wherever they stand', () => {
  const hostile = image(`<b>&"'</script>/<b>&"x.png`, 1);
  const page = renderReport({ ...reportOf([...IMAGES, hostile]), perDefect: {} });
  elementsOf(page);
  assert.ok(!page.includes('<b>&'));
  assert.match(page, /<h4>&lt;b&gt;&amp;&quot;&#39;&lt;\/script&gt;\/&lt;b&gt;&amp;&quot;x\.png<\/h4>/);
});

test('missed defects come first, the lowest score first, then false alarms, the highest first, then the others', () => {
  const order = ['scratch/0', 'dent/0', 'good/2', 'good/1', 'scratch/1', 'dent/1', 'good/3', 'good/0'];
  assert.deepEqual(
    inOrderOfConcern(IMAGES).map(({ file }) => file),
    order.map((name) => `${name}.png`),
  );
  const page = renderReport(reportOf(IMAGES));
  const titles = [...page.matchAll(/<h4>([^<]*)<\/h4>/g)].map(([, file]) => file);
  assert.deepEqual(
    titles,
    order.map((name) => `${name}.png`),
  );
});

test('it says which evidence raised each alarm, and what each defect is', () => {
  assert.deepEqual(
    ['good/1.png', 'good/2.png', 'dent/1.png'].map((file) => evidenceOf(IMAGES.find((one) => one.file === file)!)),
    ['distortion', 'context', 'position'],
  );
  const page = renderReport(reportOf(IMAGES));
  const cardOf = (file: string): string =>
    textOf(page.split('<article').find((card) => card.includes(`<h4>${file}</h4>`))!);
  assert.match(
    cardOf('dent/1.png'),
    /alarm raised by position \(at the hottest place: position 1\.25, context 2\.5, distortion 1\.25\)/,
  );
  assert.match(cardOf('dent/1.png'), / position 70 %, peak 6, 30 × 40 px distortion 70 %, peak 5\.5/);
  assert.match(cardOf('good/2.png'), /false alarm · score 4 · p = 0\.05 alarm raised by context/);
  assert.match(cardOf('good/3.png'), /good, passes .* context 70 %, peak 1\.9/);
  assert.doesNotMatch(cardOf('good/3.png'), /alarm raised/);
  // Images, missed, alarms by position, by context and by distortion.
  assert.match(
    textOf(page),
    /position : does not belong here context : does not fit its surroundings distortion : looks damaged/,
  );
  assert.match(textOf(page), /dent 2 1 1 0 0 .* scratch 2 1 0 0 1 .* all defects 4 2 1 0 1 /);
});

test('the curves run from corner to corner and mark the threshold', () => {
  const page = renderReport(reportOf(IMAGES));
  const curveOf = (id: string): [string, string] => {
    const path = new RegExp(`aria-labelledby="${id}-text">[\\s\\S]*?class="curve" d="M([^L"]*)[^"]*L([^L"]*)"`).exec(
      page,
    );
    return [path![1]!, path![2]!];
  };
  // Corners of a plot from (62, 44), 430 wide and 300 high.
  assert.deepEqual(curveOf('roc'), ['62.0 344.0', '492.0 44.0']);
  assert.deepEqual(curveOf('pro'), ['62.0 344.0', `492.0 ${(44 + 300 * 0.05).toFixed(1)}`]);
  assert.match(page, /At the threshold 50 % of defective and 50 % of good images rejected/);
});

test('no bar of the histogram lies on both sides of the threshold, which itself passes', () => {
  const { text } = histogram([0.2, THRESHOLD], [2.0001, 3], THRESHOLD);
  assert.doesNotMatch(text, /class="wrong"/);
  const { text: mixed } = histogram([0.2, 2.1], [THRESHOLD, 300], THRESHOLD);
  assert.equal([...mixed.matchAll(/class="wrong"/g)].length, 2);
  assert.match(mixed, /score \(logarithmic\)/);
  assert.match(histogram([1], [1], 1).text, /score/, 'one score for all');
  assert.doesNotMatch(histogram([-1, 0], [1], 0.5).text, /NaN|logarithmic/);
});

test('without defective or without good images the page says what is missing', () => {
  const good = IMAGES.filter(({ defect }) => defect === 'good');
  const page = renderReport(reportOf(good, { notes: ['there are no defective test images: no AUROC and no AUPRO'] }));
  elementsOf(page);
  assert.doesNotMatch(page, /NaN|undefined|null/);
  const text = textOf(page);
  assert.match(text, /2 of 4 good images rejected\./);
  assert.match(text, /Missed defects – of 0 no defective test images/);
  assert.match(text, /Image AUROC – not measurable/);
  assert.match(text, /there are no defective test images: no AUROC/);
  assert.match(
    text,
    /It needs good and defective test images\. .* It needs test images with a defect that is marked\./,
  );

  const bad = renderReport(reportOf(IMAGES.filter(({ defect }) => defect !== 'good')));
  elementsOf(bad);
  assert.doesNotMatch(bad, /NaN|undefined/);
});

test('an interval that is missing is explained', () => {
  const report = reportOf(IMAGES);
  const page = renderReport({ ...report, intervals: { ...report.intervals, aupro: null } });
  assert.match(textOf(page), /no interval of the AUPRO 30 %: the scores lie too close together/);
});
