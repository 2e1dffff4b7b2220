import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf, SideglanceError } from '../../errors.js';
import { writePng } from '../../image/save.js';
import type { Box, Picture } from '../../types.js';
import { SIMULATED_DEFECTS, type SimulatedDefect } from './defects.js';
import { Random, STREAM } from './random.js';
import { type Placement, renderPart, type SimulatedPart } from './render.js';

const TRAIN = 'train/good';

export interface SimulatedDatasetOptions {
  /** Folder to write; it is made, and must be empty if it exists. */
  readonly out: string;
  /** Good parts to train from. */
  readonly good: number;
  /** Good parts to test with, other than those. */
  readonly testGood: number;
  /** Defective parts to test with, shared evenly among the kinds of defect. */
  readonly defective: number;
  readonly seed: number;
  /** Side of the square pictures in pixels, at least 128. */
  readonly size: number;
  readonly placement: Placement;
  /** Absent: RGB. */
  readonly format?: 'GRAY8' | 'RGB';
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops after the picture in hand; what was written stays. */
  readonly signal?: AbortSignal;
}

/** One line of `simulated.json`: what a test picture shows. */
export interface SimulatedDatasetEntry {
  readonly file: string;
  readonly index: number;
  readonly kind: SimulatedDefect | null;
  readonly box: Box | null;
  readonly area: number;
  readonly contrast: number;
}

/**
 * Writes simulated parts in the layout of MVTec AD: `train/good`, `test/good`, `test/<defect>` and
 * `ground_truth/<defect>/<name>_mask.png`, all PNG, and `simulated.json` with the truth about each test picture.
 *
 * @throws SideglanceError SG_USAGE where the folder holds something already, SG_STORAGE where a file cannot be written.
 */
export async function writeSimulatedDataset(options: SimulatedDatasetOptions): Promise<SimulatedDatasetEntry[]> {
  await requireEmpty(options.out);
  const total = options.good + options.testGood + options.defective;
  const roles = drawRoles(options);
  const entries: SimulatedDatasetEntry[] = [];
  const numbers = new Map<string, number>();
  for (let index = 0; index < total; index++) {
    options.signal?.throwIfAborted();
    const { folder, defect } = roles[index]!;
    const part = renderPart({
      seed: options.seed,
      index,
      width: options.size,
      height: options.size,
      format: options.format ?? 'RGB',
      defect,
      placement: options.placement,
    });
    const number = numbers.get(folder) ?? 0;
    numbers.set(folder, number + 1);
    const name = String(number).padStart(3, '0');
    const { kind, box, area, contrast } = part.truth;
    await writePng(join(options.out, folder, `${name}.png`), part.picture);
    if (defect !== null) {
      await writePng(join(options.out, 'ground_truth', defect, `${name}_mask.png`), maskPicture(part));
    }
    if (folder !== TRAIN) entries.push({ file: `${folder}/${name}.png`, index, kind, box, area, contrast });
    options.onProgress?.(index + 1, total);
  }
  const { seed, size, placement } = options;
  await writeFile(
    join(options.out, 'simulated.json'),
    `${JSON.stringify({ seed, size, placement, test: entries }, null, 1)}\n`,
  );
  return entries;
}

interface Role {
  readonly folder: string;
  readonly defect: SimulatedDefect | null;
}

/**
 * What each part of the line is for, shuffled along the line: taken one after the other, the drift of the light alone
 * would tell training from test pictures, and good ones from defective ones.
 */
function drawRoles({ good, testGood, defective, seed }: SimulatedDatasetOptions): Role[] {
  const roles: Role[] = [
    ...Array.from({ length: good }, () => ({ folder: TRAIN, defect: null })),
    ...Array.from({ length: testGood }, () => ({ folder: 'test/good', defect: null })),
    ...Array.from({ length: defective }, (_, number) => {
      const defect = SIMULATED_DEFECTS[number % SIMULATED_DEFECTS.length]!;
      return { folder: `test/${defect}`, defect };
    }),
  ];
  const random = new Random(seed, 0, STREAM.fate);
  for (let i = roles.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [roles[i], roles[j]] = [roles[j]!, roles[i]!];
  }
  return roles;
}

async function requireEmpty(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    const found = await readdir(folder);
    if (found.length === 0) return;
  } catch (thrown) {
    throw new SideglanceError('SG_STORAGE', `cannot use the folder ${folder}: ${reasonOf(thrown)}`, { cause: thrown });
  }
  throw new SideglanceError(
    'SG_USAGE',
    `${folder} is not empty: a data set is written into a new folder, so that no picture of another one stays between`,
  );
}

function maskPicture(part: SimulatedPart): Picture {
  const { width, height } = part.picture;
  return { width, height, stride: width, format: 'GRAY8', data: part.truth.mask };
}
