import { Worker } from 'node:worker_threads';
import { reasonOf, SideglanceError } from '../../errors.js';
import type { Picture, PixelFormat } from '../../types.js';
import type { FrameSource } from '../source.js';
import { SIMULATED_DEFECTS, type SimulatedDefect } from './defects.js';
import type { RenderedPart } from './line-worker.js';
import { Random, STREAM } from './random.js';
import { MIN_FRAME_SIDE, type Placement, type RenderOptions } from './render.js';
import type { Truth } from './truth.js';

export interface SimulatedLineOptions {
  readonly seed: number;
  readonly width: number;
  readonly height: number;
  readonly format: PixelFormat;
  readonly placement: Placement;
  /** Share of the parts that have a defect, in [0, 1]. */
  readonly defectShare: number;
  /** Number of the first part; default 0. */
  readonly firstIndex?: number;
  /** The line ends after so many parts; absent: never. */
  readonly parts?: number;
}

export const LINE_LIMITS = {
  /** Parts whose truth is kept; the oldest is forgotten first. */
  rememberedParts: 1024,
  /** A part takes some 20 ms; a thread that takes this long for one has hung. */
  renderTimeoutMs: 20_000,
} as const;

/** What is wrong with a part of a line: all of the truth but the mask, which `renderPart` gives again. */
export type PartTruth = Omit<Truth, 'mask'>;

/**
 * Which defect the part `index` of a line has; null for a good one. It depends on nothing else, so that a bench can
 * join verdicts with the truth from outside the process that renders.
 */
export function defectOfPart(line: { seed: number; defectShare: number }, index: number): SimulatedDefect | null {
  const random = new Random(line.seed, index, STREAM.fate);
  return random.next() < line.defectShare ? random.pick(SIMULATED_DEFECTS) : null;
}

/**
 * A line of simulated parts, rendered one part ahead in a thread of its own. The thread keeps the process alive only
 * while somebody waits for a picture.
 */
export class SimulatedLine implements FrameSource {
  readonly #options: SimulatedLineOptions;
  readonly #truths = new Map<number, PartTruth>();
  readonly #orders = new Map<number, Promise<RenderedPart>>();
  readonly #waiting = new Map<number, { resolve: (part: RenderedPart) => void; reject: (reason: unknown) => void }>();
  readonly #end: number;
  #next: number;
  #waiters = 0;
  #worker: Worker | null = null;
  #closed = false;

  /** @throws SideglanceError SG_FRAME_FORMAT for a frame that is too small to render a part in. */
  constructor(options: SimulatedLineOptions) {
    const { width, height, firstIndex = 0, parts = Number.POSITIVE_INFINITY } = options;
    if (Math.min(width, height) < MIN_FRAME_SIDE) {
      throw new SideglanceError(
        'SG_FRAME_FORMAT',
        `the simulated line needs frames of at least ${MIN_FRAME_SIDE} pixels a side, not ${width}×${height}`,
      );
    }
    this.#options = options;
    this.#next = firstIndex;
    this.#end = firstIndex + parts;
  }

  /**
   * The next part's picture; null when the line has ended or was closed. The picture belongs to the caller.
   *
   * @throws SideglanceError SG_CAMERA_LOST where the rendering thread failed; the next call starts another one.
   */
  async next(): Promise<Picture | null> {
    if (this.#closed || this.#next >= this.#end) return null;
    const index = this.#next++;
    this.#hold(1);
    try {
      const part = await this.#order(index);
      if (this.#closed) return null;
      if (this.#next < this.#end) this.#renderAhead();
      const { width, height, stride, format, data } = part;
      return { width, height, stride, format, data };
    } catch (thrown) {
      if (this.#closed) return null;
      throw thrown;
    } finally {
      this.#orders.delete(index);
      this.#hold(-1);
    }
  }

  /**
   * The truth about a part that `next` has returned, by its number on the line (the first is `firstIndex`);
   * undefined for one that is yet to come or was forgotten.
   */
  truthOf(index: number): PartTruth | undefined {
    return this.#truths.get(index);
  }

  /** Stops the thread. Who waits for a picture gets null. To be awaited; more calls do no harm. */
  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#worker = null;
    this.#fail(new Error('the line was closed'));
    await worker?.terminate();
  }

  #renderAhead(): void {
    // Whoever asks for the part meets its failure; until then nobody listens.
    this.#order(this.#next).catch(() => {});
  }

  #order(index: number): Promise<RenderedPart> {
    const known = this.#orders.get(index);
    if (known !== undefined) return known;
    const { seed, width, height, format, placement } = this.#options;
    const defect = defectOfPart(this.#options, index);
    const order: RenderOptions = { seed, index, width, height, format, placement, defect };
    const worker = this.#worker ?? this.#start();
    const promise = new Promise<RenderedPart>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#drop(worker, new Error(`no picture of part ${index} after ${LINE_LIMITS.renderTimeoutMs} ms`));
      }, LINE_LIMITS.renderTimeoutMs).unref();
      this.#waiting.set(index, {
        resolve: (part) => {
          clearTimeout(timer);
          resolve(part);
        },
        reject: (reason) => {
          clearTimeout(timer);
          reject(reason);
        },
      });
      worker.postMessage(order);
    });
    this.#orders.set(index, promise);
    return promise;
  }

  #start(): Worker {
    const worker = new Worker(new URL('./line-worker.js', import.meta.url), { name: 'simulated line' });
    worker.on('message', (part: RenderedPart) => {
      this.#remember(part.index, part.truth);
      this.#waiting.get(part.index)?.resolve(part);
      this.#waiting.delete(part.index);
    });
    worker.on('error', (reason) => this.#drop(worker, reason));
    worker.on('exit', (code) => this.#drop(worker, new Error(`the rendering thread ended with code ${code}`)));
    if (this.#waiters === 0) worker.unref();
    this.#worker = worker;
    return worker;
  }

  /** Gives a thread up; the next order starts another. */
  #drop(worker: Worker, reason: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    this.#fail(
      new SideglanceError('SG_CAMERA_LOST', `the simulated line cannot render: ${reasonOf(reason)}`, { cause: reason }),
    );
    // It has failed already: how it ends changes nothing.
    worker.terminate().catch(() => {});
  }

  #fail(reason: Error): void {
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
    this.#orders.clear();
  }

  #remember(index: number, truth: PartTruth): void {
    this.#truths.set(index, truth);
    const oldest = this.#truths.keys().next();
    if (this.#truths.size > LINE_LIMITS.rememberedParts && oldest.done !== true) this.#truths.delete(oldest.value);
  }

  #hold(change: 1 | -1): void {
    this.#waiters += change;
    if (this.#waiters === 0) this.#worker?.unref();
    else this.#worker?.ref();
  }
}
