import { Graph, type Value } from './graph.js';
import { type GlobalNetOptions, globalNet } from './networks/global-net.js';
import { inconsistency, normality } from './networks/heads.js';
import { LOCAL_NET } from './networks/local-net.js';
import { TrainedParameters } from './networks/parameters.js';
import {
  add,
  concatenate,
  divide,
  exponential,
  mean,
  multiply,
  reshape,
  scalar,
  scale,
  softplus,
  subtract,
  sumOver,
} from './operators.js';
import { appendAdamStep } from './optimiser.js';
import { pixelsFromBytes } from './preprocess.js';

export interface TrainingGraph {
  readonly model: Uint8Array;
  readonly parameters: TrainedParameters;
  /** Names of the values in the output `losses`, in order. */
  readonly losses: readonly string[];
}

/** Weights of the losses' terms, named as in the paper. */
export const LOSS_WEIGHTS = { lambdaT: 0.01 } as const;

/**
 * Global-Net and the distortion head (Wang et al. 2021, section 3.3): l = l_IAD + λ_t·l_DAD, with l_IAD as the
 * Gaussian negative log-likelihood of Z_l and l_DAD as binary cross-entropy. Inputs, all of one batch:
 * `context` uint8 [N, H, W, 3] and `contextLocal` [N, 56, h, w]: what G sees (context corruption: with pseudo-defects for
 * half of the batch); `cleanLocal`: Z_l of the image as it is, which G has to predict; `judgedLocal`: Z_l of Z*, what C
 * judges; `labels` [N, 1, h, w]: 1 where a pseudo-defect lies; `counts` [N, 1, h, w]: the weight of the cell in l_DAD.
 */
export function contextGraph(
  batch: number,
  height: number,
  width: number,
  options: Pick<GlobalNetOptions, 'position'>,
): TrainingGraph {
  const g = new Graph();
  const parameters = new TrainedParameters();
  const [rows, columns] = [height / LOCAL_NET.stride, width / LOCAL_NET.stride];
  const features = [batch, LOCAL_NET.features, rows, columns];
  const pixels = pixelsFromBytes(g, g.input('context', [batch, height, width, 3], 'uint8'));
  const contextLocal = g.input('contextLocal', features);
  const cleanLocal = g.input('cleanLocal', features);
  const judgedLocal = g.input('judgedLocal', features);
  const labels = g.input('labels', [batch, 1, rows, columns]);
  const counts = g.input('counts', [batch, 1, rows, columns]);

  const predicted = globalNet(g, contextLocal, { pixels }, parameters, options);
  const variance = exponential(g, predicted.logVariance);
  const surprise = mean(g, inconsistency(g, cleanLocal, predicted.mean, variance, 'likelihood'));
  const likelihood = scale(g, add(g, surprise, mean(g, predicted.logVariance)), 0.5);

  // Cross-entropy of C = sigmoid(logit), the probability of "normal": softplus(logit) − (1 − label)·logit.
  const logit = normality(g, judgedLocal, predicted, parameters);
  const normal = subtract(g, scalar(g, 1), labels);
  const entropy = subtract(g, softplus(g, logit), multiply(g, normal, logit));
  const distortion = divide(
    g,
    sumOver(g, multiply(g, entropy, counts), [0, 1, 2, 3]),
    sumOver(g, counts, [0, 1, 2, 3]),
  );
  const loss = add(g, likelihood, scale(g, reshape(g, distortion, []), LOSS_WEIGHTS.lambdaT));
  return finishTrainingGraph(g, loss, parameters, {
    inconsistency: likelihood,
    distortion: reshape(g, distortion, []),
  });
}

/** Declares the losses, appends gradients and the optimiser's step: a run of the graph is a training step. */
export function finishTrainingGraph(
  g: Graph,
  loss: Value,
  parameters: TrainedParameters,
  terms: Readonly<Record<string, Value>>,
): TrainingGraph {
  const losses = { loss, ...terms };
  g.output(
    'losses',
    concatenate(
      g,
      Object.values(losses).map((term) => reshape(g, term, [1])),
      0,
    ),
  );
  appendAdamStep(g, loss, parameters);
  return { model: g.toModel('training step'), parameters, losses: Object.keys(losses) };
}
