import type { Graph, Value } from '../graph.js';
import { add, convolution, spaceToDepth } from '../operators.js';
import { blockConvolution } from './fixed-forms.js';
import type { ParameterSource } from './parameters.js';

/** One convolution with bias. Names of the weights: `<name>.weight`, `<name>.bias`. */
export function biasedConvolution(
  g: Graph,
  x: Value,
  source: ParameterSource,
  name: string,
  out: number,
  size: number,
): Value {
  const channels = x.shape[1]!;
  const weight = source.parameter(g, `${name}.weight`, [out, channels, size, size], channels * size * size);
  const bias = source.parameter(g, `${name}.bias`, [1, out, 1, 1], 0);
  return add(g, convolution(g, x, weight), bias);
}

/** One convolution with bias over blocks of `block` × `block` cells, which it takes apart: [N, C, H, W] → [N, out, H/block, W/block]. */
export function biasedBlockConvolution(
  g: Graph,
  x: Value,
  source: ParameterSource,
  name: string,
  out: number,
  block: number,
): Value {
  if (!source.frozen) return biasedConvolution(g, spaceToDepth(g, x, block), source, name, out, 1);
  const width = x.shape[1]! * block ** 2;
  const weight = source.parameter(g, `${name}.weight`, [out, width, 1, 1], width);
  return add(g, blockConvolution(g, x, weight, block), source.parameter(g, `${name}.bias`, [1, out, 1, 1], 0));
}
