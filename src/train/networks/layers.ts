import type { Graph, Value } from '../graph.js';
import { add, convolution } from '../operators.js';
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
