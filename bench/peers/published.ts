import { Random } from '../../src/random.js';
import { Graph } from '../../src/train/graph.js';
import { LOCAL_NET } from '../../src/train/networks/local-net.js';
import { TrainedParameters } from '../../src/train/networks/parameters.js';
import { exportPaperModel } from '../../src/train/paper/export.js';
import { paperGlobalNet, paperLocalNet, paperNormality } from '../../src/train/paper/networks.js';
import { PAPER } from '../../src/train/paper/settings.js';

/** The method as it was published, patch by patch in batches of 20, with random weights (`train --method paper` exports the same graph). */
export function publishedMethod(): Uint8Array {
  const { size, patch, lastSide } = PAPER;
  const g = new Graph();
  const parameters = new TrainedParameters();
  const local = paperLocalNet(g, g.input('patch', [1, 3, patch, patch]), parameters);
  const image = g.input('image', [1, 3, size, size]);
  const mask = g.input('mask', [1, 1, size, size]);
  const area = g.input('area', [1, 1, lastSide, lastSide]);
  paperNormality(g, local, paperGlobalNet(g, image, mask, area, parameters), parameters);
  const norm = { centre: 0, spread: 1 };
  return exportPaperModel({
    weights: parameters.weights(parameters.initialise(new Random(1))),
    width: size,
    height: size,
    stride: LOCAL_NET.stride,
    contextNorm: norm,
    distortionNorm: norm,
  });
}
