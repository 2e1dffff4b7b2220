import { Random } from '../../src/random.js';
import { backboneWeights } from '../../src/train/backbone-weights.js';
import { exportModel } from '../../src/train/export.js';
import { Graph } from '../../src/train/graph.js';
import { globalNet } from '../../src/train/networks/global-net.js';
import { normality } from '../../src/train/networks/heads.js';
import { LOCAL_NET } from '../../src/train/networks/local-net.js';
import { TrainedParameters } from '../../src/train/networks/parameters.js';

/**
 * A model of this version for regions of any size, multiples of 8: Local-Net as it ships, everything that training would learn at
 * random. It costs the same time as a trained one.
 */
export function ownModel(width: number, height: number): Uint8Array {
  const random = new Random(1);
  const { stride, features } = LOCAL_NET;
  const [rows, columns] = [height / stride, width / stride];
  const cells = rows * columns;
  const g = new Graph();
  const parameters = new TrainedParameters();
  const local = g.input('local', [1, features, rows, columns]);
  const pixels = g.input('pixels', [1, 3, height, width]);
  normality(g, local, globalNet(g, local, { pixels }, parameters, { position: true }), parameters);
  const heads = parameters.weights(parameters.initialise(random));
  const identity = (count: number) => {
    const matrices = new Float32Array(count * features ** 2);
    for (let at = 0; at < count * features; at++) matrices[at * features + (at % features)] = 1;
    return matrices;
  };
  const factors = identity(cells);
  // Off the diagonal too, so that no product is with a zero.
  for (let at = 0; at < factors.length; at++) factors[at]! += 1 / 1024;
  return exportModel({
    weights: new Map([...backboneWeights(), ...heads]),
    width,
    height,
    norm: { mean: new Float32Array(features * cells).fill(0.1), whitening: identity(1), factors, trust: 1 },
    position: true,
    form: 'likelihood',
    leastVariance: new Float32Array(features).fill(0.1),
    scales: {
      position: { centre: 0, spread: 1 },
      context: { centre: 0, spread: 1 },
      distortion: { centre: 0, spread: 1 },
    },
  });
}
