/**
 * What the simulated line's defects are like, and whether they are a gift: `node dist/bench/simulated-line.js`
 * renders 400 good and 200 defective parts for each placement and writes bench/results/simulated-line.json and .md.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SIMULATED_DEFECTS, type SimulatedDefect } from '../src/capture/simulated/defects.js';
import { type Placement, renderPart } from '../src/capture/simulated/render.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import { type DifferencePart, type DifferenceResult, measureDifference } from './simulated-line-difference.js';

const SEED = 20_251;
const SIZE = 512;
const GOOD = 400;
const DEFECTIVE = 200;
/** The bar: above it, finding the defects would prove nothing. */
export const MOST_DIFFERENCE_AUROC = 0.8;

interface DefectFigures {
  readonly kind: SimulatedDefect;
  /** Pixels of the mask. */
  readonly area: number;
  /** Longer side of the box in pixels. */
  readonly extent: number;
  /** Mean change in grey levels. */
  readonly contrast: number;
}

interface PlacementReport {
  readonly placement: Placement;
  readonly good: number;
  readonly defective: number;
  readonly difference: readonly DifferenceResult[];
  readonly defects: readonly DefectFigures[];
  readonly millisecondsPerGoodPart: number;
}

/**
 * Half of the good parts make the mean and the deviation, the other half and the defective ones are scored. The three
 * alternate along the line: taken one after the other, the drift of the light alone would tell them apart.
 */
function report(placement: Placement): PlacementReport {
  const reference = Array.from({ length: GOOD / 2 }, (_, i) => 3 * i);
  const good: DifferencePart[] = reference.map((index) => ({ index: index + 1, defect: null }));
  const bad: DifferencePart[] = Array.from({ length: DEFECTIVE }, (_, i) => ({
    index: 3 * i + 2,
    defect: SIMULATED_DEFECTS[i % SIMULATED_DEFECTS.length]!,
  }));
  const common = { seed: SEED, placement, format: 'RGB' } as const;
  const difference = measureDifference({ ...common, size: SIZE, reference, test: [...good, ...bad] });
  const defects = bad.map(({ index, defect }): DefectFigures => {
    const { truth } = renderPart({ ...common, width: SIZE, height: SIZE, index, defect });
    if (truth.kind === null || truth.box === null) throw new Error(`part ${index} shows no defect`);
    const extent = Math.max(truth.box.width, truth.box.height);
    return { kind: truth.kind, area: truth.area, extent, contrast: Number(truth.contrast.toFixed(2)) };
  });
  const started = process.cpuUsage();
  for (const index of reference.slice(0, 100)) renderPart({ ...common, width: SIZE, height: SIZE, index });
  const { user, system } = process.cpuUsage(started);
  const millisecondsPerGoodPart = Number(((user + system) / 1000 / 100).toFixed(1));
  return { placement, good: GOOD, defective: DEFECTIVE, difference, defects, millisecondsPerGoodPart };
}

const HISTOGRAMS = [
  {
    title: 'Area (pixels of a 512 × 512 frame)',
    read: (d: DefectFigures) => d.area,
    edges: [40, 100, 200, 400, 800, 1600, 3200],
  },
  {
    title: 'Extent (longer side of the box, pixels)',
    read: (d: DefectFigures) => d.extent,
    edges: [10, 20, 30, 40, 50, 60, 80, 100],
  },
  {
    title: 'Contrast (mean change, grey levels)',
    read: (d: DefectFigures) => d.contrast,
    edges: [4, 8, 12, 16, 20, 30, 50, 100],
  },
] as const;

/** Counts per bin; the first takes all below it, the last all above. */
export function histogram(values: readonly number[], edges: readonly number[]): { label: string; count: number }[] {
  const bounds = [Number.NEGATIVE_INFINITY, ...edges, Number.POSITIVE_INFINITY];
  return bounds.slice(0, -1).map((low, i) => {
    const high = bounds[i + 1]!;
    const label = i === 0 ? `< ${high}` : i === edges.length ? `≥ ${low}` : `${low} – ${high}`;
    return { label, count: values.filter((value) => value >= low && value < high).length };
  });
}

function markdown(reports: readonly PlacementReport[]): string {
  const lines = [
    '# The simulated line: its defects, and the plain difference from the mean image',
    '',
    `Written by \`node dist/bench/simulated-line.js\` (seed ${SEED}, ${SIZE} × ${SIZE} RGB). The difference is taken from the mean of half of the`,
    'good parts, at half size, per channel; the other half and the defective parts are scored by its highest value. Blurred: the pictures are smoothed before,',
    'else the difference is. z-score: divided by the deviation of the pixel over the good parts. Smoothing: Gaussian, pixels.',
    `Bar: every image AUROC at most ${MOST_DIFFERENCE_AUROC}.`,
  ];
  for (const { placement, good, defective, difference, defects, millisecondsPerGoodPart } of reports) {
    lines.push('', `## ${placement}: ${good} good parts, ${defective} defective`, '');
    lines.push(
      `Best: **${difference[0]!.auroc.toFixed(3)}**. Rendering: ${millisecondsPerGoodPart} ms of CPU a good part.`,
      '',
    );
    lines.push('| reading | smoothing | image AUROC |', '|---|---|---|');
    for (const { reading, smoothing, auroc } of difference)
      lines.push(`| ${reading} | ${smoothing} | ${auroc.toFixed(3)} |`);
    for (const { title, read, edges } of HISTOGRAMS) {
      lines.push('', `| ${title} | parts | |`, '|---|---|---|');
      for (const { label, count } of histogram(defects.map(read), edges)) {
        lines.push(`| ${label} | ${count} | ${'█'.repeat(Math.round(count / 2))} |`);
      }
    }
    lines.push('', '| kind | parts | area: least, median, most | contrast: least, median, most |', '|---|---|---|---|');
    for (const kind of SIMULATED_DEFECTS) {
      const these = defects.filter((defect) => defect.kind === kind);
      const area = these.map((defect) => defect.area);
      const contrast = these.map((defect) => defect.contrast);
      lines.push(`| ${kind} | ${these.length} | ${spread(area)} | ${spread(contrast)} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  return [sorted[0]!, sorted[sorted.length >> 1]!, sorted[sorted.length - 1]!]
    .map((value) => Math.round(value))
    .join(', ');
}

async function main(): Promise<void> {
  const reports = (['aligned', 'anywhere'] as const).map(report);
  const folder = join(PACKAGE_ROOT, 'bench', 'results');
  await mkdir(folder, { recursive: true });
  const text = markdown(reports);
  await writeFile(join(folder, 'simulated-line.md'), text);
  await writeFile(join(folder, 'simulated-line.json'), `${JSON.stringify({ seed: SEED, size: SIZE, reports })}\n`);
  process.stdout.write(text);
  const worst = Math.max(...reports.map(({ difference }) => difference[0]!.auroc));
  if (worst > MOST_DIFFERENCE_AUROC) {
    process.stderr.write(`the simulation is a gift: the plain difference reaches ${worst.toFixed(3)}\n`);
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
