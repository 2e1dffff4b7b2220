import { gradients } from './gradients.js';
import { elementCount, type Graph, type Value } from './graph.js';
import type { TrainedParameters } from './networks/parameters.js';
import {
  add,
  concatenate,
  divide,
  multiply,
  reshape,
  scalar,
  scale,
  square,
  squareRoot,
  subtract,
  sumOver,
} from './operators.js';

/** Adam (Kingma and Ba 2015, algorithm 1) with the gradient clipped to a largest norm. */
export const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, largestNorm: 1 } as const;

/**
 * Appends gradient and Adam step to a graph that holds the forward pass, so that one run is one training step.
 * Inputs added: `weights`, `moment1`, `moment2` [P], `rate` [1] (learning rate with bias correction,
 * see `correctedRate`). Outputs added: `weights.next`, `moment1.next`, `moment2.next` [P].
 */
export function appendAdamStep(g: Graph, loss: Value, parameters: TrainedParameters): void {
  const shape = [parameters.length];
  const weights = g.input('weights', shape);
  const moment1 = g.input('moment1', shape);
  const moment2 = g.input('moment2', shape);
  const rate = g.input('rate', [1]);
  const parts = gradients(g, loss, parameters.values).map((part) => reshape(g, part, [elementCount(part.shape)]));
  const raw = concatenate(g, parts, 0);
  const norm = squareRoot(g, add(g, sumOver(g, square(g, raw), [0]), scalar(g, 1e-12)));
  const excess = g.apply('Max', [norm, scalar(g, ADAM.largestNorm)], [1]);
  const gradient = divide(g, scale(g, raw, ADAM.largestNorm), excess);
  const next1 = add(g, scale(g, moment1, ADAM.beta1), scale(g, gradient, 1 - ADAM.beta1));
  const next2 = add(g, scale(g, moment2, ADAM.beta2), scale(g, square(g, gradient), 1 - ADAM.beta2));
  const step = divide(g, next1, add(g, squareRoot(g, next2), scalar(g, ADAM.epsilon)));
  g.output('weights.next', subtract(g, weights, multiply(g, step, rate)));
  g.output('moment1.next', next1);
  g.output('moment2.next', next2);
}

/** The learning rate times √(1 − β₂ᵗ) / (1 − β₁ᵗ), t counted from 1 (section 2 of the same paper). */
export function correctedRate(rate: number, step: number): number {
  return (rate * Math.sqrt(1 - ADAM.beta2 ** step)) / (1 - ADAM.beta1 ** step);
}

/** From 1 to 0 along half a cosine, after a short linear rise. */
export function cosineDecay(progress: number): number {
  const rise = Math.min(1, (progress + 1e-3) / 0.03);
  return rise * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, progress)));
}
