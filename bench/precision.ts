/**
 * How far half precision moves the scores of simulated parts: every number of the network is rounded as a GPU rounds it,
 * the score head computes in FP32. The parts are those of `sideglance simulate` with this seed. Writes
 * `bench/results/precision.json`.
 *
 *     node dist/bench/precision.js
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeSimulatedDataset } from '../src/capture/simulated/dataset.js';
import { decodeImage } from '../src/image/decode.js';
import { Inspector } from '../src/infer/inspector.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import type { Picture, RegionResult } from '../src/types.js';
import { deviationOf, meanOf } from './support/statistics.js';

const PARTS = { good: 0, testGood: 60, defective: 60, seed: 77, size: 512, placement: 'aligned' } as const;

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: join(PACKAGE_ROOT, 'models', 'demo') },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'precision.json') },
  },
});

const threshold = { falseRejectRate: 0.005 } as const;
const folder = await mkdtemp(join(tmpdir(), 'sideglance-precision-'));
try {
  const parts = await writeSimulatedDataset({ ...PARTS, out: join(folder, 'parts') });
  const pictures: Picture[] = [];
  for (const { file } of parts) pictures.push(await decodeImage(join(folder, 'parts', file)));
  const full = await Inspector.load(resolve(values.model), { threshold, threads: 2 });
  const half = await Inspector.load(resolve(values.model), {
    threshold,
    threads: 2,
    cpu: { precision: 'fp16' },
    uncalibrated: true,
  });
  const differences: { score: number; peak: number; verdict: boolean }[] = [];
  for (const picture of pictures) {
    const [a, b] = [await inspect(full, picture), await inspect(half, picture)];
    differences.push({
      score: Math.abs(a.score - b.score),
      peak: Math.abs(peak(a) - peak(b)),
      verdict: a.verdict.result !== b.verdict.result,
    });
  }
  const deviation = deviationOf(full.manifest.calibration.scores) as number;
  const ofScore = differences.map(({ score }) => score / deviation);
  const report = {
    command: 'node dist/bench/precision.js',
    model: full.model,
    parts: PARTS,
    goodScores: { standardDeviation: deviation },
    threshold: full.threshold.score,
    fp16: {
      scoreMovedInDeviations: { mean: meanOf(ofScore), largest: Math.max(...ofScore) },
      peakOfMapMoved: { largest: Math.max(...differences.map((one) => one.peak)) },
      verdictsThatDiffer: differences.filter(({ verdict }) => verdict).length,
    },
  };
  await Promise.all([full.close(), half.close()]);
  await writeFile(values.out, `${JSON.stringify(report, null, 2)}\n`);
  console.log(JSON.stringify(report, null, 2));
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function inspect(inspector: Inspector, picture: Picture): Promise<RegionResult> {
  const whole = { x: 0, y: 0, width: picture.width, height: picture.height, name: 'whole' };
  return (await inspector.inspectRegions(picture, [whole])).regions[0] as RegionResult; // one region in, one result out
}

function peak({ map }: RegionResult): number {
  return map.values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
}
