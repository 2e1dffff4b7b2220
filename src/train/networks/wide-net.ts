import type { Graph, Value } from '../graph.js';
import { type InvertedResidual, invertedResidual } from './inverted-residual.js';
import { LOCAL_BLOCKS } from './local-net.js';
import type { ParameterSource } from './parameters.js';

export const WIDE_NET = {
  /** Of the last block's channels every second: more of them say little more (docs/accuracy.md). */
  channelStep: 2,
  features: 32,
} as const;

/** The teacher's blocks behind those of Local-Net, up to its stride 16, which is 8 pixels of the region. */
export const WIDE_BLOCKS: readonly InvertedResidual[] = [
  { expanded: 192, out: 64, stride: 2 },
  { expanded: 384, out: 64, stride: 1 },
  { expanded: 384, out: 64, stride: 1 },
  { expanded: 384, out: 64, stride: 1 },
];

/** The teacher's number of the first block. */
const FIRST = LOCAL_BLOCKS.length + 1;

/** Name of a block's weights, by its index in `WIDE_BLOCKS`, and its number in the teacher. */
export function wideBlock(index: number): { readonly name: string; readonly number: number } {
  return { name: `wide.${index}`, number: FIRST + index };
}

/**
 * What a patch looks like together with some 40 pixels around it, [N, 32, h, w]: the deeper layers of the network whose
 * first ones are Local-Net. Only its position is asked of it: it sees too much of the surroundings to be compared with them.
 *
 * @param trunk what Local-Net's last block gives, [N, 32, 2h, 2w]
 */
export function wideNet(g: Graph, trunk: Value, source: ParameterSource): Value {
  const last = WIDE_BLOCKS.reduce(
    (x, block, index) => invertedResidual(g, x, source, wideBlock(index).name, block, 'zeros'),
    trunk,
  );
  const [n, , rows, columns] = last.shape as [number, number, number, number];
  const kept = Array.from({ length: WIDE_NET.features }, (_, index) => index * WIDE_NET.channelStep);
  return g.apply('Gather', [last, g.integers(kept)], [n, kept.length, rows, columns], { attributes: { axis: 1 } });
}
