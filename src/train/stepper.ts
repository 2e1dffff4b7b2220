import { SideglanceError } from '../errors.js';
import { type Binding, Session, type Tensor } from '../infer/ort/session.js';
import { correctedRate } from './optimiser.js';

export interface StepperOptions {
  /** A graph that ends with `appendAdamStep` and has the output `losses`. */
  readonly model: Uint8Array;
  readonly weights: Float32Array;
  /** What is fed at every step beside the weights: filled by the caller before each step. */
  readonly feeds: Readonly<Record<string, Tensor>>;
  /** Number of values in the output `losses`. */
  readonly losses: number;
  readonly threads: number;
}

/** Runs a training graph step by step. Weights and moments go back and forth between two sets of buffers. */
export class Stepper {
  readonly #session: Session;
  readonly #bindings: readonly [Binding, Binding];
  readonly #weights: readonly [Float32Array, Float32Array];
  readonly #losses: Float32Array;
  readonly #rate: Float32Array;
  #step = 0;

  private constructor(session: Session, options: StepperOptions) {
    this.#session = session;
    const length = options.weights.length;
    const buffers = [0, 1].map(() => [0, 1, 2].map(() => new Float32Array(length))) as [Float32Array[], Float32Array[]];
    buffers[0][0]!.set(options.weights);
    this.#losses = new Float32Array(options.losses);
    this.#rate = new Float32Array(1);
    const vector = (data: Float32Array): Tensor => ({ type: 'float32', shape: [length], data });
    const binding = (from: Float32Array[], to: Float32Array[]) =>
      session.bind(
        {
          ...options.feeds,
          weights: vector(from[0]!),
          moment1: vector(from[1]!),
          moment2: vector(from[2]!),
          rate: { type: 'float32', shape: [1], data: this.#rate },
        },
        {
          losses: { type: 'float32', shape: [options.losses], data: this.#losses },
          'weights.next': vector(to[0]!),
          'moment1.next': vector(to[1]!),
          'moment2.next': vector(to[2]!),
        },
      );
    this.#bindings = [binding(buffers[0], buffers[1]), binding(buffers[1], buffers[0])];
    this.#weights = [buffers[0][0]!, buffers[1][0]!];
  }

  static async create(options: StepperOptions): Promise<Stepper> {
    return new Stepper(await Session.create(options.model, { threads: options.threads }), options);
  }

  /** The weights as they are after the last step; valid until the next. */
  get weights(): Float32Array {
    return this.#weights[this.#step % 2 === 0 ? 0 : 1];
  }

  get steps(): number {
    return this.#step;
  }

  /**
   * One step of Adam on the feeds as they stand. Resolves with the losses, valid until the next step.
   * @throws SideglanceError `SG_TRAINING_DIVERGED` when a loss is not finite
   */
  async step(learningRate: number): Promise<Float32Array> {
    const binding = this.#bindings[this.#step % 2 === 0 ? 0 : 1];
    this.#rate[0] = correctedRate(learningRate, this.#step + 1);
    await this.#session.run(binding);
    this.#step += 1;
    if (!this.#losses.every(Number.isFinite)) {
      throw new SideglanceError(
        'SG_TRAINING_DIVERGED',
        `step ${this.#step}: the losses are ${[...this.#losses].join(', ')}; train again with another --seed, and report this with the images if it stays`,
      );
    }
    return this.#losses;
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
