import type { Graph, Value } from '../graph.js';
import {
  concatenate,
  divide,
  exponential,
  meanOfChannels,
  multiply,
  relu,
  scale,
  square,
  subtract,
} from '../operators.js';
import type { GlobalFeature } from './global-net.js';
import { biasedConvolution } from './layers.js';
import type { ParameterSource } from './parameters.js';

/** How inconsistency is measured: as a negative log-likelihood, or as the plain square of the paper. */
export type InconsistencyForm = 'likelihood' | 'plain';

export const DISTORTION_HEAD = { widths: [96, 48] as readonly [number, number] } as const;

/**
 * IAD head: s_IAD of every patch, [N, 1, h, w]. `plain`: (1/n)‖Z_l − Z_g‖² (Wang et al. 2021, eq. for l_IAD);
 * `likelihood`: (1/n) Σ (Z_l − μ)²/σ².
 *
 * @param variance σ² of each feature, [N, 56, h, w]
 */
export function inconsistency(g: Graph, local: Value, mean: Value, variance: Value, form: InconsistencyForm): Value {
  const squared = square(g, subtract(g, local, mean));
  return meanOfChannels(g, form === 'plain' ? squared : divide(g, squared, variance));
}

/**
 * DAD head: the logit of C(Z*, Z_g), the probability that the patch is *normal*, [N, 1, h, w].
 * It looks at the residual, the residual in deviations and the prediction.
 */
export function normality(g: Graph, local: Value, predicted: GlobalFeature, source: ParameterSource): Value {
  const residual = subtract(g, local, predicted.mean);
  const inverseDeviation = exponential(g, scale(g, predicted.logVariance, -0.5));
  const seen = concatenate(g, [residual, multiply(g, residual, inverseDeviation), predicted.mean], 1);
  const [first, second] = DISTORTION_HEAD.widths;
  const one = relu(g, biasedConvolution(g, seen, source, 'distortion.1', first, 1));
  const two = relu(g, biasedConvolution(g, one, source, 'distortion.2', second, 1));
  return biasedConvolution(g, two, source, 'distortion.3', 1, 1);
}
