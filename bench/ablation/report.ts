import { meanOf } from '../support/statistics.js';
import type { Ablation } from './measure.js';
import type { AblationOptions } from './options.js';
import { VARIANTS } from './variants.js';

/** One category that was measured. */
export interface Measured {
  readonly category: string;
  readonly figures: Ablation;
}

type Metrics = Ablation['variants'][string];

const METRICS: readonly ((metrics: Metrics) => number | null)[] = [
  ({ imageAuroc }) => imageAuroc,
  ({ aupro }) => aupro,
  ({ aupro05 }) => aupro05,
];

/** The table as Markdown: a row for each variant, a column for each category, and remarks. */
export function ablationTable(options: AblationOptions, measured: readonly Measured[]): string {
  const { categories, minutes, steps, size, seed } = options;
  const budget = steps === undefined ? `--minutes ${minutes}` : `--steps ${steps}`;
  const columns = categories.length > 1 ? [...categories, '**mean**'] : categories;
  const lines = [
    '# Ablation: one model, with one thing changed at a time',
    '',
    `Written by \`node dist/bench/ablation.js FOLDER --categories ${categories.join(',')} ${budget} --size ${size} --seed ${seed}\`.`,
    'One model a category is trained; no network is trained again for a variant, scales are measured again on held-out images.',
    'Cells: image AUROC / AUPRO@30 % / AUPRO@5 %.',
    '',
    '- alone: map and score of this evidence only. without: shares of the others rescaled; where the score does not look at',
    '  the evidence, its image AUROC stays.',
    '- score: the map stays as it is.',
    '- linear scale: no logarithm is taken. `distortion` is a logit and stays one.',
    '- covariances without their neighbourhood, position not trusted: what belongs where is learnt again, in closed form; how far',
    '  position is trusted is chosen again for the former. Context and distortion stay as they were trained.',
    '',
    `| variant | ${columns.join(' | ')} |`,
    `|---|${'---|'.repeat(columns.length)}`,
  ];
  for (const { name } of VARIANTS) {
    const cells = categories.map(
      (category) => measured.find((one) => one.category === category)?.figures.variants[name],
    );
    const shown = categories.length > 1 ? [...cells.map((cell) => text([cell])), text(cells)] : [text(cells)];
    lines.push(`| ${name} | ${shown.join(' | ')} |`);
  }
  const remarks = measured.flatMap(({ category, figures }) => figures.notes.map((note) => `- ${category}: ${note}`));
  if (remarks.length > 0) lines.push('', ...remarks);
  return `${lines.join('\n')}\n`;
}

/** Means over the cells; none where one is missing: a mean over a part would be another figure. */
function text(cells: readonly (Metrics | undefined)[]): string {
  return METRICS.map((read) => meanOf(cells.map((cell) => (cell ? read(cell) : null)))?.toFixed(4) ?? '–').join(' / ');
}
