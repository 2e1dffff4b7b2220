import { Session } from '../../src/infer/ort/session.js';
import { decodeModel } from '../../src/onnx/codec.js';
import { Graph, type Value } from '../../src/train/graph.js';
import { blockMean, concatenate, enlarged, neighbourhoodMean } from '../../src/train/operators.js';
import { scaledPixels } from '../../src/train/preprocess.js';
import { DEFAULT_TEACHER, readTeacher, tapNamed } from '../../src/train/teacher/teacher.js';

/** Side of a cell in pixels of the region. */
export const CELL = 8;
/** The teacher sees the region this many times larger. */
const ENLARGEMENT = 2;

/** Of the teacher that ships, with their channels: 24, 32 and 96. */
export type Tap = 's4' | 's8' | 's16';

export interface TeacherGridOptions {
  /** In the order of the channels. */
  readonly taps: readonly Tap[];
  /** Of the region, in pixels: multiples of `CELL`. */
  readonly width: number;
  readonly height: number;
  /** Side of the square of cells that each feature is averaged over; 1 when left out. */
  readonly neighbourhood?: number;
  readonly threads: number;
  /** The teacher; the one that ships when left out. */
  readonly file?: string;
}

/** Taps of the teacher on the cells of a region: uint8 [H × W × 3] → float32 [channels × H/8 × W/8]. */
export class TeacherGrid {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
  /** Size of the teacher's file. */
  readonly teacherBytes: number;
  readonly #session: Session;
  readonly #image: Uint8Array;
  readonly #features: Float32Array;
  readonly #run: () => Promise<void>;

  private constructor(session: Session, options: TeacherGridOptions, channels: number, teacherBytes: number) {
    const { width, height } = options;
    this.width = width;
    this.height = height;
    this.channels = channels;
    this.rows = height / CELL;
    this.columns = width / CELL;
    this.teacherBytes = teacherBytes;
    this.#session = session;
    this.#image = new Uint8Array(height * width * 3);
    this.#features = new Float32Array(channels * this.cells);
    const shape = [1, channels, this.rows, this.columns];
    const binding = session.bind(
      { image: { type: 'uint8', shape: [1, height, width, 3], data: this.#image } },
      { features: { type: 'float32', shape, data: this.#features } },
    );
    this.#run = () => session.run(binding);
  }

  /** @throws SideglanceError as `readTeacher` and `tapNamed` */
  static async create(options: TeacherGridOptions): Promise<TeacherGrid> {
    const { width, height, neighbourhood = 1, threads, file = DEFAULT_TEACHER } = options;
    const teacher = readTeacher(file);
    const taps = options.taps.map((name) => tapNamed(teacher, name));
    const g = new Graph();
    const bytes = g.input('image', [1, height, width, 3], 'uint8');
    const seen = enlarged(g, scaledPixels(g, bytes, teacher.inputScale, teacher.inputOffset), ENLARGEMENT);
    const shapes = taps.map(({ name, stride, channels }): [string, number[]] => [
      name,
      [1, channels, (ENLARGEMENT * height) / stride, (ENLARGEMENT * width) / stride],
    ]);
    const embedded = g.embed(
      decodeModel(teacher.bytes, file),
      { [teacher.inputName]: seen },
      Object.fromEntries(shapes),
    );
    const grids = taps.map(({ name, stride }) => blockMean(g, embedded[name] as Value, (ENLARGEMENT * CELL) / stride));
    const features = neighbourhoodMean(g, concatenate(g, grids, 1), neighbourhood);
    g.output('features', features);
    const session = await Session.create(g.toModel('teacher grid'), { threads });
    return new TeacherGrid(session, options, features.shape[1] as number, teacher.bytes.byteLength);
  }

  get cells(): number {
    return this.rows * this.columns;
  }

  /**
   * @param image height × width × 3 bytes
   * @returns [channels × rows × columns], the same memory at every call
   */
  async featuresOf(image: Uint8Array): Promise<Float32Array> {
    this.#image.set(image);
    await this.#run();
    return this.#features;
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
