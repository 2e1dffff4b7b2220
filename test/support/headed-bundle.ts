/** A small network of convolutions whose graph names its score head, as trained models do. For tests of precisions. */

import { calibrate } from '../../src/infer/calibration.js';
import { HEAD_VALUES, OUTPUT_NAMES } from '../../src/infer/contract.js';
import { exportBundle } from '../../src/infer/export-bundle.js';
import { scoreOne } from '../../src/infer/scored.js';
import { Scorer } from '../../src/infer/scorer.js';
import type { Manifest } from '../../src/model/manifest.js';
import { encodeModel } from '../../src/onnx/codec.js';
import { floatTensor, int64Tensor, model, node, type OnnxModel, value } from '../../src/onnx/model.js';
import { Random } from '../../src/random.js';
import { hottestCells } from './scoring.js';
import { TINY, tinyPicture } from './tiny-bundle.js';

const CHANNELS = 16;

/**
 * Two layers of convolutions make features; the head takes their distance from a mean, in logarithms. The contributions
 * of `context` and `distortion` follow from further convolutions of the features.
 */
export function headedModel(): OnnxModel {
  const { width, height, stride } = TINY;
  const random = new Random(5);
  const map = ['N', height / stride, width / stride];
  const weights = (name: string, shape: readonly number[], scale: number) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return floatTensor(
      name,
      shape,
      Float32Array.from({ length: size }, () => scale * random.normal()),
    );
  };
  const [local, mean, variance, logit] = HEAD_VALUES;
  return model({
    name: 'headed',
    nodes: [
      node('Cast', ['region'], ['float'], { to: 1 }),
      node('Mul', ['float', 'scale'], ['unit']),
      node('Transpose', ['unit'], ['planes'], { perm: [0, 3, 1, 2] }),
      node('Conv', ['planes', 'w1', 'b1'], ['c1'], { kernel_shape: [4, 4], strides: [4, 4] }),
      node('Clip', ['c1', 'zero', 'six'], ['r1']),
      node('Conv', ['r1', 'w2'], ['c2'], { kernel_shape: [2, 2], strides: [2, 2] }),
      node('Add', ['c2', 'b2'], ['a2']),
      node('Relu', ['a2'], ['r2']),
      node('Conv', ['r2', 'w3'], ['c3'], { kernel_shape: [1, 1] }),
      node('Identity', ['c3'], [local]),
      node('Conv', [local, 'w4'], ['c4'], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
      node('Relu', ['c4'], ['r4']),
      node('Conv', ['r4', 'w5'], ['c5'], { kernel_shape: [1, 1] }),
      node('Identity', ['c5'], [mean]),
      node('Conv', ['r4', 'w6'], ['c6'], { kernel_shape: [1, 1] }),
      node('Exp', ['c6'], [variance]),
      node('Conv', ['r4', 'w7'], [logit], { kernel_shape: [1, 1] }),
      node('Sub', [local, mean], ['difference']),
      node('Mul', ['difference', 'difference'], ['square']),
      node('Div', ['square', variance], ['ratio']),
      node('ReduceMean', ['ratio'], ['context4'], { axes: [1], keepdims: 1 }),
      node('Mul', [local, local], ['size']),
      node('ReduceMean', ['size'], ['position4'], { axes: [1], keepdims: 1 }),
      node('Squeeze', ['context4', 'channel'], ['context']),
      node('Squeeze', ['position4', 'channel'], ['position']),
      node('Squeeze', [logit, 'channel'], ['distortion']),
      node('Add', ['context', 'position'], ['sum']),
      node('Add', ['sum', 'distortion'], ['score']),
    ],
    inputs: [value('region', 'uint8', ['N', height, width, 3])],
    outputs: OUTPUT_NAMES.map((name) => value(name, 'float32', map)),
    initializers: [
      floatTensor('scale', [], [1 / 64]),
      floatTensor('zero', [], [0]),
      floatTensor('six', [], [6]),
      int64Tensor('channel', [1], [1]),
      weights('w1', [CHANNELS, 3, 4, 4], 0.2),
      weights('b1', [CHANNELS], 0.5),
      weights('w2', [CHANNELS, CHANNELS, 2, 2], 0.2),
      weights('b2', [1, CHANNELS, 1, 1], 0.5),
      weights('w3', [CHANNELS, CHANNELS, 1, 1], 0.3),
      weights('w4', [CHANNELS, CHANNELS, 3, 3], 0.1),
      weights('w5', [CHANNELS, CHANNELS, 1, 1], 0.3),
      weights('w6', [CHANNELS, CHANNELS, 1, 1], 0.05),
      weights('w7', [1, CHANNELS, 1, 1], 0.3),
    ],
  });
}

/** Writes a whole bundle of it, calibrated for FP32 with good pictures of the seeds 100 to 139. */
export async function writeHeadedBundle(folder: string): Promise<Manifest> {
  const { width, height, stride, topCells } = TINY;
  const bytes = encodeModel(headedModel());
  const scoring = hottestCells(topCells);
  const scorer = await Scorer.create(bytes, { ...TINY, scoring, locate: null });
  const scores: number[] = [];
  const hottest: number[] = [];
  for (let seed = 100; seed < 140; seed++) {
    const { score, maps } = await scoreOne(scorer, tinyPicture({ seed }), { x: 0, y: 0, width, height });
    scores.push(score);
    hottest.push(Math.max(...maps.score));
  }
  await scorer.close();
  return exportBundle(folder, {
    id: 'headed',
    version: '1.0.0',
    geometry: 'aligned',
    region: { width, height },
    stride,
    scoring,
    calibration: calibrate(scores, hottest),
    trainedOn: { images: 0, source: 'random weights', seed: 5, steps: 0, seconds: 0 },
    model: bytes,
    locate: null,
    golden: [tinyPicture({ seed: 7 }), tinyPicture({ seed: 8, defect: { x: 24, y: 16, size: 12 } })],
  });
}
