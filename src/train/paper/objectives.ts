import { Graph, type Value } from '../graph.js';
import { FrozenParameters, TrainedParameters, type Weights } from '../networks/parameters.js';
import { finishTrainingGraph, type TrainingGraph } from '../objectives.js';
import {
  add,
  divide,
  matmul,
  mean,
  multiply,
  reshape,
  scalar,
  scale,
  softplus,
  square,
  squareRoot,
  subtract,
  sumOver,
  transpose,
} from '../operators.js';
import { pixelsFromBytes } from '../preprocess.js';
import { paperGlobalNet, paperLocalNet, paperNormality } from './networks.js';
import { PAPER } from './settings.js';

/**
 * Distillation of Local-Net (section 3.1): λ_k‖D(L(p)) − R(p)‖² + λ_c Σ_{i≠j} c_ij, D linear.
 * Inputs: `patches` uint8 [N, 33, 33, 3]; `targets` [N, T], the teacher's features R(p), standardised.
 */
export function paperDistillationGraph(batch: number, targets: number): TrainingGraph {
  const g = new Graph();
  const parameters = new TrainedParameters();
  const patches = g.input('patches', [batch, PAPER.patch, PAPER.patch, 3], 'uint8');
  const wanted = g.input('targets', [batch, targets]);
  const local = paperLocalNet(g, pixelsFromBytes(g, patches), parameters);
  const weight = parameters.parameter(g, 'paper.decoder.weight', [PAPER.features, targets], PAPER.features);
  const bias = parameters.parameter(g, 'paper.decoder.bias', [1, targets], 0);
  const decoded = add(g, matmul(g, local, weight), bias);
  const knowledge = mean(g, square(g, subtract(g, decoded, wanted)));
  const compactness = sumOfCorrelations(g, local);
  const loss = add(g, scale(g, knowledge, PAPER.lambdaK), scale(g, compactness, PAPER.lambdaC));
  return finishTrainingGraph(g, loss, parameters, { knowledge, compactness });
}

/** Σ_{i≠j} c_ij, with the sign that the paper leaves it: c_ij is the correlation of features i and j over the batch. */
function sumOfCorrelations(g: Graph, local: Value): Value {
  const [patches, features] = local.shape as [number, number];
  const centred = subtract(g, local, scale(g, sumOver(g, local, [0]), 1 / patches));
  const variance = scale(g, sumOver(g, square(g, centred), [0]), 1 / patches);
  const unit = divide(g, centred, squareRoot(g, add(g, variance, scalar(g, 1e-4))));
  const correlation = scale(g, matmul(g, transpose(g, unit, [1, 0]), unit), 1 / patches);
  const offDiagonal = Float32Array.from({ length: features ** 2 }, (_, index) =>
    index % (features + 1) === 0 ? 0 : 1,
  );
  const counted = multiply(g, correlation, g.constant([features, features], offDiagonal));
  return reshape(g, sumOver(g, counted, [0, 1]), []);
}

/**
 * Global-Net and classifier (section 3.3): l = l_IAD + λ_t·l_DAD with the plain l_IAD = (1/n)‖Z_l − Z_g‖².
 * Inputs: `images` uint8 [N, 256, 256, 3]; `mask` [N, 1, 256, 256], 0 in the patch; `area` [N, 1, 8, 8];
 * `patches` uint8 [N, 33, 33, 3], the patch as it is; `judged`, the same or with a pseudo-defect; `labels` [N, 1], 1 with one.
 */
export function paperContextGraph(batch: number, localNet: Weights): TrainingGraph {
  const { size, patch, lastSide } = PAPER;
  const g = new Graph();
  const parameters = new TrainedParameters();
  const frozen = new FrozenParameters(localNet);
  const images = pixelsFromBytes(g, g.input('images', [batch, size, size, 3], 'uint8'));
  const mask = g.input('mask', [batch, 1, size, size]);
  const area = g.input('area', [batch, 1, lastSide, lastSide]);
  const patches = pixelsFromBytes(g, g.input('patches', [batch, patch, patch, 3], 'uint8'));
  const judged = pixelsFromBytes(g, g.input('judged', [batch, patch, patch, 3], 'uint8'));
  const labels = g.input('labels', [batch, 1]);
  const global = paperGlobalNet(g, images, mask, area, parameters);
  const inconsistency = mean(g, square(g, subtract(g, paperLocalNet(g, patches, frozen), global)));
  const logit = paperNormality(g, paperLocalNet(g, judged, frozen), global, parameters);
  const normal = subtract(g, scalar(g, 1), labels);
  const distortion = mean(g, subtract(g, softplus(g, logit), multiply(g, normal, logit)));
  const loss = add(g, inconsistency, scale(g, distortion, PAPER.lambdaT));
  return finishTrainingGraph(g, loss, parameters, { inconsistency, distortion });
}
