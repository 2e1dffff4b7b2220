import { deviationOf, meanOf } from '../support/statistics.js';
import type { Figures } from './cells.js';
import { type RunOptions, seedsOf } from './options.js';

/** One cell of the table, for one seed. */
export interface Measured {
  readonly method: string;
  readonly category: string;
  readonly seed: number;
  readonly figures: Figures;
}

const COLUMNS: readonly {
  readonly title: string;
  readonly digits: number;
  readonly read: (f: Figures) => number | null;
  /** Over the seeds: mean and deviation, or the least, for whatever else a machine does only adds to times. */
  readonly over: 'mean' | 'least';
}[] = [
  { title: 'image AUROC', digits: 4, read: ({ imageAuroc }) => imageAuroc, over: 'mean' },
  { title: 'pixel AUROC', digits: 4, read: ({ pixelAuroc }) => pixelAuroc, over: 'mean' },
  { title: 'AUPRO@30 %', digits: 4, read: ({ aupro }) => aupro, over: 'mean' },
  { title: 'AUPRO@5 %', digits: 4, read: ({ aupro05 }) => aupro05, over: 'mean' },
  { title: 'training, s', digits: 0, read: ({ trainingSeconds }) => trainingSeconds, over: 'least' },
  { title: 'ms an image', digits: 0, read: ({ msPerImage }) => msPerImage, over: 'least' },
  { title: 'model, MB', digits: 1, read: ({ modelBytes }) => modelBytes / 1e6, over: 'least' },
];

/** The table as Markdown: a row for each method and category over the seeds, and remarks on the cells. */
export function accuracyTable(options: RunOptions, measured: readonly Measured[]): string {
  const { methods, once, categories, minutes, size, seeds } = options;
  const lines = [
    '# Accuracy: the method and baselines in one harness',
    '',
    `Written by \`node dist/bench/accuracy.js FOLDER --methods ${methods.join(',')}${once.length > 0 ? ` --once ${once.join(',')}` : ''} --categories ${categories.join(',')}`,
    `--minutes ${minutes} --size ${size} --seeds ${seeds.join(',')}\`. ${seeds.length === 1 ? 'One seed.' : `Means of ${seeds.length} seeds ± their standard deviation; where there is none, one seed.`}`,
    `Regions keep the aspect of the images, with about as many pixels as ${size}²; sideglance${methods.includes('paper') ? ' and the published method have' : ' has'} ${minutes} minutes to train.`,
    'The baselines take features of the teacher that ships, which sees the region at twice its size; their megabytes count it too.',
    `Times${seeds.length === 1 ? '' : ' are the least of the seeds'}: ${machines(measured)}.`,
    '',
    `| method | category | ${COLUMNS.map(({ title }) => title).join(' | ')} |`,
    `|---|---|${'---:|'.repeat(COLUMNS.length)}`,
  ];
  for (const category of categories) {
    for (const method of methods)
      lines.push(row(method, category, of(measured, method, [category], seedsOf(method, options))));
  }
  if (categories.length > 1) {
    for (const method of methods)
      lines.push(row(method, '**mean**', of(measured, method, categories, seedsOf(method, options))));
  }
  const remarks = measured.flatMap(({ method, category, seed, figures }) =>
    figures.notes.map((note) => `- ${method}, ${category}, seed ${seed}: ${note}`),
  );
  if (remarks.length > 0) lines.push('', ...remarks);
  return `${lines.join('\n')}\n`;
}

/** The figures of each seed over the categories; null where one is missing: a mean over a part would be another figure. */
function of(
  measured: readonly Measured[],
  method: string,
  categories: readonly string[],
  seeds: readonly number[],
): (readonly Figures[] | null)[] {
  return seeds.map((seed) => {
    const cells = categories.map((category) =>
      measured.find((one) => one.method === method && one.category === category && one.seed === seed),
    );
    return cells.every((cell) => cell !== undefined) ? cells.map(({ figures }) => figures) : null;
  });
}

function row(method: string, category: string, bySeed: readonly (readonly Figures[] | null)[]): string {
  const cells = COLUMNS.map(({ digits, read, over }) => {
    const values = bySeed.map((figures) => figures && meanOf(figures.map(read)));
    const mean = meanOf(values);
    if (mean === null) return '–';
    if (over === 'least') return Math.min(...values.map(Number)).toFixed(digits);
    const deviation = deviationOf(values);
    return deviation === null ? mean.toFixed(digits) : `${mean.toFixed(digits)} ± ${deviation.toFixed(digits)}`;
  });
  return `| ${method} | ${category} | ${cells.join(' | ')} |`;
}

function machines(measured: readonly Measured[]): string {
  const texts = measured.map(
    ({ figures: { machine } }) => `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`,
  );
  return [...new Set(texts)].join('; ') || 'none';
}
