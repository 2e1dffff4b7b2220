import { decodeModel } from '../onnx/codec.js';
import { floatsOf } from '../onnx/model.js';
import { type Stage, withoutConstantChannels } from './live-channels.js';
import { LOCAL_BLOCKS, LOCAL_STEM } from './networks/local-net.js';
import type { Weights } from './networks/parameters.js';
import { DEFAULT_TEACHER, readTeacher } from './teacher/teacher.js';
import { CLIPPED_CHANNELS, STILL_CHANNELS } from './teacher-channels.js';

type Layer = { readonly shape: readonly number[]; readonly data: Float32Array };

/** For each of three neighbours of a pixel, its share in three pixels in a row of the image enlarged by two. */
const ENLARGED_TAPS = [
  [0.25, 0.75, 0],
  [0, 0.75, 0.25],
  [0, 0.25, 0.75],
] as const;

const STEM = { ...LOCAL_STEM, out: 16 } as const;

/** Local-Net's layers, block by block, before they are taken apart into branches. */
export const STAGES: readonly Stage[] = [
  { widen: 'local.stem', depthwise: 'local.0.depthwise', project: 'local.0.project', ...STEM, shortcut: false },
  ...LOCAL_BLOCKS.map(({ branches, out, stride }, index) => ({
    widen: `local.${index + 1}.expand`,
    depthwise: `local.${index + 1}.depthwise`,
    project: `local.${index + 1}.project`,
    width: branches.reduce((sum, { width }) => sum + width, 0),
    out,
    shortcut: stride === 1,
    still: new Map(STILL_CHANNELS[index]),
    first: CLIPPED_CHANNELS[index] ?? [],
  })),
];

/**
 * The weights of Local-Net, taken from the teacher that ships (a MobileNetV2; its names for the layers are those of the
 * TensorFlow Object Detection API), without the channels that are constant or nearly so.
 *
 * @throws SideglanceError `SG_MODEL_UNREADABLE`, `SG_MODEL_INVALID` for the teacher's file
 */
export function backboneWeights(file: string = DEFAULT_TEACHER): Weights {
  const { weights } = withoutConstantChannels(teacherLayers(file), STAGES);
  return inBranches(joined(weights, 'local.0.project', 'local.1.expand'));
}

/** The teacher's layers under Local-Net's names, all channels there, the first one for images of half the size. */
export function teacherLayers(file: string = DEFAULT_TEACHER): Weights {
  const { bytes } = readTeacher(file);
  const { graph } = decodeModel(bytes, file);
  const stored = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  const take = (theirs: string, ours: string) => {
    for (const part of ['weight', 'bias']) {
      const tensor = stored.get(`${theirs}.${part}`);
      if (!tensor) throw new Error(`the teacher ${file} has no layer ${theirs}`);
      weights.set(`${ours}.${part}`, { shape: tensor.shape, data: floatsOf(tensor) });
    }
  };
  take('Conv', 'local.stem');
  take('expanded_conv.depthwise', 'local.0.depthwise');
  take('expanded_conv.project', 'local.0.project');
  LOCAL_BLOCKS.forEach((_, index) => {
    const number = index + 1;
    for (const layer of ['expand', 'depthwise', 'project'])
      take(`expanded_conv_${number}.${layer}`, `local.${number}.${layer}`);
  });
  const stem = weights.get('local.stem.weight');
  if (stem) weights.set('local.stem.weight', { ...stem, data: behindEnlargement(stem.data) });
  return weights;
}

/**
 * Kernels of a 3 × 3 convolution with stride 2 on a bilinearly enlarged image, as kernels of the same convolution with
 * stride 1 on the image itself: both are sums of the same nine pixels.
 */
function behindEnlargement(kernels: Float32Array): Float32Array {
  return kernels.map((_, index) => {
    const kernel = Math.floor(index / 9) * 9;
    const [row, column] = [Math.floor((index % 9) / 3), index % 3];
    let sum = 0;
    ENLARGED_TAPS.forEach((rows, y) => {
      ENLARGED_TAPS.forEach((columns, x) => {
        sum += kernels[kernel + y * 3 + x]! * rows[row]! * columns[column]!;
      });
    });
    return sum;
  });
}

/** Each block's layers as those of its branches; the bias of its projection goes to the first one. */
function inBranches(weights: Weights): Weights {
  const result = new Map(weights);
  LOCAL_BLOCKS.forEach(({ branches, out }, index) => {
    const block = `local.${index + 1}`;
    const take = (name: string) => {
      const layer = weights.get(`${block}.${name}`)!;
      result.delete(`${block}.${name}`);
      return layer;
    };
    const rows = ['expand.weight', 'expand.bias', 'depthwise.weight', 'depthwise.bias'].map(
      (name) => [name, take(name)] as const,
    );
    const [projection, bias] = [take('project.weight'), take('project.bias')];
    const columns = projection.data.length / out;
    let from = 0;
    for (const [branch, { width }] of branches.entries()) {
      const name = `${block}.${branch}`;
      for (const [part, { shape, data }] of rows) {
        const row = data.length / shape[0]!;
        const own = data.slice(from * row, (from + width) * row);
        result.set(`${name}.${part}`, { shape: [width, ...shape.slice(1)], data: own });
      }
      const own = Float32Array.from({ length: out * width }, (_, at) => {
        return projection.data[Math.floor(at / width) * columns + from + (at % width)]!;
      });
      result.set(`${name}.project.weight`, { shape: [out, width, 1, 1], data: own });
      result.set(`${name}.project.bias`, branch === 0 ? bias : { shape: [out], data: new Float32Array(out) });
      from += width;
    }
  });
  return result;
}

/** Two 1 × 1 convolutions with nothing between them as one, which keeps the second one's name. */
function joined(weights: Weights, first: string, second: string): Weights {
  const [weight1, weight2] = [first, second].map((name) => weights.get(`${name}.weight`)!) as [Layer, Layer];
  const [bias1, bias2] = [first, second].map((name) => weights.get(`${name}.bias`)!.data) as [
    Float32Array,
    Float32Array,
  ];
  const [inputs, between, outputs] = [weight1.shape[1]!, bias1.length, bias2.length];
  const sum = (o: number, of: (k: number) => number) => {
    let total = 0;
    for (let k = 0; k < between; k += 1) total += weight2.data[o * between + k]! * of(k);
    return total;
  };
  const kernel = Float32Array.from({ length: outputs * inputs }, (_, at) =>
    sum(Math.floor(at / inputs), (k) => weight1.data[k * inputs + (at % inputs)]!),
  );
  const bias = bias2.map((start, o) => start + sum(o, (k) => bias1[k]!));
  const result = new Map(weights);
  for (const part of ['weight', 'bias']) result.delete(`${first}.${part}`);
  result.set(`${second}.weight`, { shape: [outputs, inputs, 1, 1], data: kernel });
  return result.set(`${second}.bias`, { shape: [outputs], data: bias });
}
