import { Graph } from '../../src/train/graph.js';

const [BATCH, CHANNELS, SIDE] = [8, 64, 128];

/** One large convolution, 3 × 3, 64 → 64 channels, 128² places, batch 8: what the machine reaches with this runtime. */
export function convolutionPeak(): { readonly model: Uint8Array; readonly operations: number } {
  const g = new Graph();
  const x = g.input('x', [BATCH, CHANNELS, SIDE, SIDE]);
  const weight = new Float32Array(CHANNELS * CHANNELS * 9).fill(1 / (CHANNELS * 9));
  const kernel = g.constant([CHANNELS, CHANNELS, 3, 3], weight);
  const attributes = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  g.output('y', g.apply('Conv', [x, kernel], x.shape, { attributes }));
  return { model: g.toModel('peak'), operations: 2 * BATCH * SIDE ** 2 * weight.length };
}
