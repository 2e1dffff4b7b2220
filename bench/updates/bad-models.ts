import { join } from 'node:path';
import { decodeImage } from '../../src/image/decode.js';
import { exportBundle } from '../../src/infer/export-bundle.js';
import { readTemplate } from '../../src/infer/locate/template-image.js';
import { openBundle } from '../../src/model/open.js';
import { decodeModel, encodeModel } from '../../src/onnx/codec.js';
import {
  floatsOf,
  floatTensor,
  int64Tensor,
  node,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '../../src/onnx/model.js';
import { Random } from '../../src/random.js';
import type { Picture } from '../../src/types.js';

/** What is done to the network of a good model. */
export type Spoil = (network: OnnxModel) => OnnxModel;

/** The convolutions that a slow model does for nothing. */
const BALLAST = { channels: 64, convolutions: 96 } as const;
/** Weights below this many elements are scales and sizes. */
const LEAST_WEIGHTS = 64;

/** The pictures of the golden samples of a bundle. */
export async function goldenOf(folder: string): Promise<Picture[]> {
  const { golden } = await openBundle(folder);
  return Promise.all([...golden].map(([name, bytes]) => decodeImage(bytes, join(folder, name))));
}

/**
 * Writes a bundle around the network of another one, spoilt; its golden samples are recorded anew, so that it reproduces them.
 *
 * @param from folder of the good bundle
 */
export async function writeSpoilt(
  folder: string,
  from: string,
  { version, spoil }: { readonly version: string; readonly spoil: Spoil },
): Promise<void> {
  const bundle = await openBundle(from);
  const { format: _, files: __, golden: ___, created: ____, locate, ...facts } = bundle.manifest;
  if (!locate || !bundle.template) throw new Error(`${from} does not look for its part`);
  const template = await readTemplate(bundle.template, locate.window, join(from, locate.template));
  await exportBundle(folder, {
    ...facts,
    version,
    locate: { ...locate, template },
    model: encodeModel(spoil(decodeModel(bundle.model))),
    golden: await goldenOf(from),
  });
}

export const unspoilt: Spoil = (network) => network;

/** Every weight is one of the same tensor, but another one. */
export const permuted: Spoil = (network) => {
  const random = new Random(1);
  const shuffled = (tensor: OnnxTensor): OnnxTensor => {
    if (tensor.type !== 'float32' || tensor.data.byteLength < 4 * LEAST_WEIGHTS) return tensor;
    const values = floatsOf(tensor);
    for (let i = values.length - 1; i > 0; i--) {
      const other = random.below(i + 1);
      [values[i], values[other]] = [values[other] as number, values[i] as number];
    }
    return floatTensor(tensor.name, tensor.shape, values);
  };
  const { graph } = network;
  return { ...network, graph: { ...graph, initializers: graph.initializers.map(shuffled) } };
};

/** The same scores, after many convolutions of which nothing comes. */
export const slowed: Spoil = (network) => {
  const { channels, convolutions } = BALLAST;
  const same = { pads: [1, 1, 1, 1] };
  const random = new Random(2);
  const weights = (count: number) => Float32Array.from({ length: count }, () => random.normal() / channels);
  const names = Array.from({ length: convolutions + 1 }, (_, i) => `ballast${i}`);
  return withAddend(network, {
    nodes: [
      node('Conv', ['spoil_pixels', 'ballast_first'], ['ballast0'], same),
      ...names.slice(1).map((name, i) => node('Conv', [names[i] as string, 'ballast_weights'], [name], same)),
      node('ReduceMax', [names[convolutions] as string], ['ballast_sum'], { keepdims: 0 }),
      node('Mul', ['ballast_sum', 'ballast_share'], ['spoil_addend']),
    ],
    initializers: [
      floatTensor('ballast_first', [channels, 3, 3, 3], weights(channels * 27)),
      floatTensor('ballast_weights', [channels, channels, 3, 3], weights(channels * channels * 9)),
      floatTensor('ballast_share', [], [1e-30]),
    ],
  });
};

/** The same scores, but for pictures that are brighter in the mean: there an index lies outside its tensor. */
export function failingAbove(brightness: number): Spoil {
  return (network) =>
    withAddend(network, {
      nodes: [
        node('ReduceMean', ['spoil_pixels'], ['spoil_mean'], { keepdims: 0 }),
        node('Greater', ['spoil_mean', 'spoil_limit'], ['spoil_bright']),
        node('Cast', ['spoil_bright'], ['spoil_number'], { to: 7 }),
        node('Mul', ['spoil_number', 'spoil_far'], ['spoil_index']),
        node('Gather', ['spoil_table', 'spoil_index'], ['spoil_addend']),
      ],
      initializers: [
        floatTensor('spoil_limit', [], [brightness]),
        int64Tensor('spoil_far', [], [1000]),
        floatTensor('spoil_table', [1], [0]),
      ],
    });
}

/** Adds `spoil_addend` to the score, which is computed from `spoil_pixels`, float32 [N, 3, H, W] from 0 to 255. */
function withAddend(network: OnnxModel, { nodes, initializers }: Pick<OnnxGraph, 'nodes' | 'initializers'>): OnnxModel {
  const { graph } = network;
  const renamed = (one: OnnxNode): OnnxNode => ({
    ...one,
    name: one.name === 'score' ? 'spoil_score' : one.name,
    inputs: one.inputs.map((name) => (name === 'score' ? 'spoil_score' : name)),
    outputs: one.outputs.map((name) => (name === 'score' ? 'spoil_score' : name)),
  });
  return {
    ...network,
    graph: {
      ...graph,
      nodes: [
        ...graph.nodes.map(renamed),
        node('Cast', ['region'], ['spoil_bytes'], { to: 1 }),
        node('Transpose', ['spoil_bytes'], ['spoil_pixels'], { perm: [0, 3, 1, 2] }),
        ...nodes,
        node('Add', ['spoil_score', 'spoil_addend'], ['score']),
      ],
      initializers: [...graph.initializers, ...initializers],
    },
  };
}

/** From 0 to 255. */
export function brightnessOf({ data }: Picture): number {
  return data.reduce((sum, value) => sum + value, 0) / data.length;
}
