import { decodeModel } from '../../src/onnx/codec.js';
import type { Value } from '../../src/train/graph.js';
import { add, blockMean, enlarged, relu } from '../../src/train/operators.js';
import { DEFAULT_TEACHER, readTeacher, tapNamed } from '../../src/train/teacher/teacher.js';
import { type PeerGraph, REGION } from './layers.js';

/** Features of three depths, the first with the finest grid, and how the methods use them. */
export interface Backbone {
  readonly name: string;
  features(p: PeerGraph): readonly [Value, Value, Value];
  /** Channels that PaDiM draws of all three. */
  readonly drawn: number;
  /** Dimensions of PatchCore's vectors, of the second and third depth. */
  readonly dimensions: number;
}

/** ResNet-18 (He et al. 2016, table 1) up to its third stage. PaDiM draws 100 channels of it (Defard et al. 2021). */
export const RESNET_18: Backbone = {
  name: 'ResNet-18',
  features: (p) => {
    const block = (x: Value, out: number, stride: number) => {
      const inner = p.convolution(p.convolution(x, out, 3, { stride, pad: 1 }), out, 3, { pad: 1, relu: false });
      return joined(p, x, inner, stride);
    };
    const first = block(block(start(p), 64, 1), 64, 1);
    const second = block(block(first, 128, 2), 128, 1);
    return [first, second, block(block(second, 256, 2), 256, 1)];
  },
  drawn: 100,
  dimensions: 384,
};

/**
 * WideResNet-50-2 (Zagoruyko and Komodakis 2016) up to its third stage. PaDiM draws 550 channels of it; PatchCore, which was published
 * with it, takes vectors of 1024 (amazon-science/patchcore-inspection, `IM224_WR50_L2-3_P01_D1024-1024`).
 */
export const WIDE_RESNET_50: Backbone = {
  name: 'WideResNet-50',
  features: (p) => {
    const block = (x: Value, width: number, stride: number) => {
      const wide = p.convolution(p.convolution(x, width, 1), width, 3, { stride, pad: 1 });
      return joined(p, x, p.convolution(wide, 2 * width, 1, { relu: false }), stride);
    };
    const stage = (x: Value, blocks: number, width: number, stride: number) => {
      let y = block(x, width, stride);
      for (let i = 1; i < blocks; i++) y = block(y, width, 1);
      return y;
    };
    const first = stage(start(p), 3, 128, 1);
    const second = stage(first, 4, 256, 2);
    return [first, second, stage(second, 6, 512, 2)];
  },
  drawn: 550,
  dimensions: 1024,
};

/** The teacher that ships, a MobileNetV2, which sees the region at twice its size; means on cells of 8 pixels, as in `bench/accuracy.ts`. */
export const OUR_TEACHER: Backbone = {
  name: 'our teacher',
  features: (p) => {
    const teacher = readTeacher(DEFAULT_TEACHER);
    const taps = ['s4', 's8', 's16'].map((name) => tapNamed(teacher, name));
    const shapes = taps.map(({ name, stride, channels }): [string, number[]] => [
      name,
      [1, channels, (2 * REGION) / stride, (2 * REGION) / stride],
    ]);
    const embedded = p.g.embed(
      decodeModel(teacher.bytes, DEFAULT_TEACHER),
      { [teacher.inputName]: enlarged(p.g, p.pixels, 2) },
      Object.fromEntries(shapes),
    );
    return taps.map(({ name, stride }) => blockMean(p.g, embedded[name] as Value, 16 / stride)) as [
      Value,
      Value,
      Value,
    ];
  },
  drawn: 100,
  dimensions: 128,
};

function start(p: PeerGraph): Value {
  return p.pool(p.convolution(p.pixels, 64, 7, { stride: 2, pad: 3 }), 'MaxPool', 3, 2, 1);
}

/** The shortcut of a residual block, projected where its shape changes. */
function joined(p: PeerGraph, x: Value, inner: Value, stride: number): Value {
  const out = inner.shape[1] as number;
  const same = stride === 1 && x.shape[1] === out;
  return relu(p.g, add(p.g, inner, same ? x : p.convolution(x, out, 1, { stride, relu: false })));
}
