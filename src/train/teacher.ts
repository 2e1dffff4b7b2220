import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Session, type Tensor } from '../infer/ort/session.js';
import { decodeModel } from '../onnx/codec.js';
import { PACKAGE_ROOT } from '../paths.js';
import { Graph, type Value } from './graph.js';
import { LOCAL_NET } from './networks/local-net.js';
import { add, concatenate, multiply } from './operators.js';
import { pixelsFromBytes } from './preprocess.js';

/** The teacher R that ships: see models/README.md. */
export const SHIPPED_TEACHER = join(PACKAGE_ROOT, 'models/teacher.onnx');

/**
 * What a 30-pixel patch can explain: the taps at strides 4 and 8 of the image at twice its size, whose receptive fields
 * are about as large as the patch there (docs/accuracy.md). Channels are those of MobileNetV2-1.0.
 */
export const TEACHER_TAPS = [
  { name: 's4', stride: 4, channels: 24 },
  { name: 's8', stride: 8, channels: 32 },
] as const;

export const TEACHER_CHANNELS = TEACHER_TAPS.reduce((sum, tap) => sum + tap.channels, 0);

/** Makes each channel of the teacher's features comparable: target = (feature − mean) / deviation. */
export interface Standardisation {
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
}

/** The teacher on batches of one size: uint8 [N, H, W, 3] → standardised features [N, 56, H/8, W/8]. */
export class Teacher {
  readonly features: Float32Array;
  readonly #session: Session;
  readonly #run: () => Promise<void>;

  private constructor(session: Session, images: Tensor, features: Tensor) {
    this.#session = session;
    this.features = features.data as Float32Array;
    const binding = session.bind({ images }, { targets: features });
    this.#run = () => session.run(binding);
  }

  /** @param images width × height × 3 bytes an image, filled by the caller before each `run` */
  static async load(options: {
    readonly file?: string;
    readonly batch: number;
    readonly height: number;
    readonly width: number;
    readonly images: Uint8Array;
    readonly standardisation?: Standardisation;
    readonly threads: number;
  }): Promise<Teacher> {
    const { batch, height, width, images, standardisation, threads } = options;
    const file = options.file ?? SHIPPED_TEACHER;
    const g = new Graph();
    const bytes = g.input('images', [batch, height, width, 3], 'uint8');
    const twice = upscale(g, pixelsFromBytes(g, bytes), 2);
    const taps = g.embed(
      decodeModel(await readFile(file), file),
      { input: twice },
      Object.fromEntries(
        TEACHER_TAPS.map(({ name, stride, channels }) => [
          name,
          [batch, channels, (2 * height) / stride, (2 * width) / stride],
        ]),
      ),
    );
    const grids = TEACHER_TAPS.map(({ name, stride }) => pool(g, taps[name] as Value, (2 * LOCAL_NET.stride) / stride));
    let joined = concatenate(g, grids, 1);
    if (standardisation) {
      const { mean, deviation } = standardisation;
      const channels = [1, TEACHER_CHANNELS, 1, 1];
      joined = add(
        g,
        joined,
        g.constant(
          channels,
          mean.map((value) => -value),
        ),
      );
      joined = multiply(
        g,
        joined,
        g.constant(
          channels,
          deviation.map((value) => 1 / value),
        ),
      );
    }
    g.output('targets', joined);
    const session = await Session.create(g.toModel('teacher'), { threads });
    const features: Tensor = {
      type: 'float32',
      shape: joined.shape,
      data: new Float32Array(joined.shape.reduce((a, b) => a * b, 1)),
    };
    return new Teacher(session, { type: 'uint8', shape: bytes.shape, data: images }, features);
  }

  /** Fills `features` from the images as they stand. */
  async run(): Promise<void> {
    await this.#run();
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}

/** Bilinear enlargement by a whole factor. */
function upscale(g: Graph, x: Value, factor: number): Value {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const scales = g.constant([4], [1, 1, factor, factor]);
  const roi = g.constant([0], []);
  return g.apply('Resize', [x, roi, scales], [n, c, h * factor, w * factor], {
    attributes: { mode: 'linear', coordinate_transformation_mode: 'half_pixel' },
  });
}

/** Mean over blocks of `block` × `block` cells. */
function pool(g: Graph, x: Value, block: number): Value {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  return g.apply('AveragePool', [x], [n, c, h / block, w / block], {
    attributes: { kernel_shape: [block, block], strides: [block, block] },
  });
}
