import { Session, type Tensor } from '../../infer/ort/session.js';
import { decodeModel } from '../../onnx/codec.js';
import { elementCount, Graph, type Value } from '../graph.js';
import { LOCAL_NET } from '../networks/local-net.js';
import { blockMean, concatenate, divide, enlarged, subtract } from '../operators.js';
import { scaledPixels } from '../preprocess.js';
import { DEFAULT_TEACHER, readTeacher, tapNamed } from './teacher.js';

/**
 * What a 30-pixel patch can explain: the taps at strides 4 and 8 of the image at twice its size, whose receptive fields
 * are about as large as the patch there (docs/decisions.md, "Training").
 */
const TAPS = ['s4', 's8'] as const;

/** The teacher sees the image this many times larger. */
const ENLARGEMENT = 2;

/** Makes each channel of the teacher's features comparable: target = (feature − mean) / deviation. */
export interface Standardisation {
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
}

/** What Local-Net has to reproduce, on batches of one size: uint8 [N, H, W, 3] → R(p) [N, channels, H/8, W/8]. */
export class TeacherTargets {
  readonly features: Float32Array;
  readonly channels: number;
  readonly #session: Session;
  readonly #run: () => Promise<void>;

  private constructor(session: Session, images: Tensor, features: Tensor) {
    this.#session = session;
    this.features = features.data as Float32Array;
    this.channels = features.shape[1] as number;
    const binding = session.bind({ images }, { targets: features });
    this.#run = () => session.run(binding);
  }

  /**
   * @param images width × height × 3 bytes an image, filled by the caller before each `run`
   * @throws SideglanceError as `readTeacher` and `tapNamed`
   */
  static async load(options: {
    readonly file?: string;
    readonly batch: number;
    readonly height: number;
    readonly width: number;
    readonly images: Uint8Array;
    readonly standardisation?: Standardisation;
    readonly threads: number;
  }): Promise<TeacherTargets> {
    const { batch, height, width, images, standardisation, threads, file = DEFAULT_TEACHER } = options;
    const teacher = readTeacher(file);
    const taps = TAPS.map((name) => tapNamed(teacher, name));
    const g = new Graph();
    const bytes = g.input('images', [batch, height, width, 3], 'uint8');
    const seen = enlarged(g, scaledPixels(g, bytes, teacher.inputScale, teacher.inputOffset), ENLARGEMENT);
    const embedded = g.embed(
      decodeModel(teacher.bytes, file),
      { [teacher.inputName]: seen },
      Object.fromEntries(
        taps.map(({ name, stride, channels }) => [
          name,
          [batch, channels, (ENLARGEMENT * height) / stride, (ENLARGEMENT * width) / stride],
        ]),
      ),
    );
    const grids = taps.map(({ name, stride }) =>
      blockMean(g, embedded[name] as Value, (ENLARGEMENT * LOCAL_NET.stride) / stride),
    );
    let targets = concatenate(g, grids, 1);
    if (standardisation) {
      const channels = [1, targets.shape[1] as number, 1, 1];
      const centred = subtract(g, targets, g.constant(channels, standardisation.mean));
      targets = divide(g, centred, g.constant(channels, standardisation.deviation));
    }
    g.output('targets', targets);
    const session = await Session.create(g.toModel('teacher'), { threads });
    const { shape } = targets;
    const features: Tensor = { type: 'float32', shape, data: new Float32Array(elementCount(shape)) };
    return new TeacherTargets(session, { type: 'uint8', shape: bytes.shape, data: images }, features);
  }

  /** Fills `features` from the images as they stand. */
  async run(): Promise<void> {
    await this.#run();
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
