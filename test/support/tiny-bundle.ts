/** A model bundle that needs no training: it scores local contrast. For tests of everything that runs models. */

import { type Calibration, calibrate } from '../../src/infer/calibration.js';
import { OUTPUT_NAMES } from '../../src/infer/contract.js';
import { exportBundle, type TrainedModel } from '../../src/infer/export-bundle.js';
import { scoreOne } from '../../src/infer/scored.js';
import { Scorer } from '../../src/infer/scorer.js';
import type { Manifest } from '../../src/model/manifest.js';
import { encodeModel } from '../../src/onnx/codec.js';
import { floatTensor, int64Tensor, model, node, value } from '../../src/onnx/model.js';
import type { Picture } from '../../src/types.js';
import { hottestCells } from './scoring.js';

export const TINY = { width: 64, height: 64, stride: 8, topCells: 2 } as const;

/**
 * `context`: how far the mean grey of a cell lies from that of its 3×3 neighbourhood; `distortion`: the standard
 * deviation inside the cell; `position`: nothing; `score`: their sum. Grey values from 0 to 1.
 */
export function tinyModel(width: number = TINY.width, height: number = TINY.height): Uint8Array {
  const { stride } = TINY;
  const map = ['N', height / stride, width / stride];
  const pool = { kernel_shape: [stride, stride], strides: [stride, stride] };
  const neighbours = { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 0 };
  return encodeModel(
    model({
      name: 'local contrast',
      nodes: [
        node('Cast', ['region'], ['float'], { to: 1 }),
        node('Mul', ['float', 'scale'], ['unit']),
        node('Transpose', ['unit'], ['planes'], { perm: [0, 3, 1, 2] }),
        node('ReduceMean', ['planes'], ['grey'], { axes: [1], keepdims: 1 }),
        node('AveragePool', ['grey'], ['mean'], pool),
        node('AveragePool', ['mean'], ['around'], neighbours),
        node('Sub', ['mean', 'around'], ['difference']),
        node('Abs', ['difference'], ['context4']),
        node('Mul', ['grey', 'grey'], ['square']),
        node('AveragePool', ['square'], ['meanSquare'], pool),
        node('Mul', ['mean', 'mean'], ['squareMean']),
        node('Sub', ['meanSquare', 'squareMean'], ['variance']),
        node('Relu', ['variance'], ['positive']),
        node('Sqrt', ['positive'], ['distortion4']),
        node('Squeeze', ['context4', 'channel'], ['context']),
        node('Squeeze', ['distortion4', 'channel'], ['distortion']),
        node('Sub', ['context', 'context'], ['position']),
        node('Add', ['context', 'distortion'], ['score']),
      ],
      inputs: [value('region', 'uint8', ['N', height, width, 3])],
      outputs: OUTPUT_NAMES.map((name) => value(name, 'float32', map)),
      initializers: [floatTensor('scale', [], [1 / 255]), int64Tensor('channel', [1], [1])],
    }),
  );
}

export interface TinyPictureOptions {
  readonly width?: number;
  readonly height?: number;
  readonly seed?: number;
  /** A white square of `size` pixels at (x, y). */
  readonly defect?: { readonly x: number; readonly y: number; readonly size: number };
}

/** A grey RGB picture with some noise, the same for the same seed. */
export function tinyPicture(options: TinyPictureOptions = {}): Picture {
  const { width = TINY.width, height = TINY.height, seed = 1, defect } = options;
  const data = new Uint8Array(width * height * 3);
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < width * height; i++) {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    const x = i % width;
    const y = Math.floor(i / width);
    const white = defect && x >= defect.x && x < defect.x + defect.size && y >= defect.y && y < defect.y + defect.size;
    data.fill(white ? 255 : 110 + (state % 20), i * 3, i * 3 + 3);
  }
  return { width, height, stride: width * 3, format: 'RGB', data };
}

let calibrated: Promise<Calibration> | undefined;

/** From good pictures with the seeds 100 to 139. */
async function tinyCalibration(): Promise<Calibration> {
  const scorer = await Scorer.create(tinyModel(), { ...TINY, scoring: hottestCells(TINY.topCells), locate: null });
  const scores: number[] = [];
  const hottest: number[] = [];
  for (let seed = 100; seed < 140; seed++) {
    const { width, height } = TINY;
    const { score, maps } = await scoreOne(scorer, tinyPicture({ seed }), { x: 0, y: 0, width, height });
    scores.push(score);
    hottest.push(Math.max(...maps.score));
  }
  await scorer.close();
  return calibrate(scores, hottest);
}

/** What `exportBundle` takes. */
export async function tinyTrained(overrides: Partial<TrainedModel> = {}): Promise<TrainedModel> {
  const { width, height, stride, topCells } = TINY;
  calibrated ??= tinyCalibration();
  return {
    id: 'tiny',
    version: '1.0.0',
    geometry: 'aligned',
    region: { width, height },
    stride,
    scoring: hottestCells(topCells),
    calibration: await calibrated,
    trainedOn: { images: 0, source: 'local contrast, not trained', seed: 0, steps: 0, seconds: 0 },
    model: tinyModel(),
    locate: null,
    golden: [tinyPicture({ seed: 7 }), tinyPicture({ seed: 8, defect: { x: 24, y: 16, size: 12 } })],
    ...overrides,
  };
}

/** Writes a whole, real bundle: 64×64 region, stride 8. */
export async function writeTinyBundle(folder: string, overrides: Partial<TrainedModel> = {}): Promise<Manifest> {
  return exportBundle(folder, await tinyTrained(overrides));
}
