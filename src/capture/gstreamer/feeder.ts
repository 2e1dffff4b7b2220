import { SideglanceError } from '../../errors.js';
import { monotonicMs, Sleeper } from '../clock.js';
import type { FrameSource } from '../source.js';
import type { GStreamer, GstElement } from './binding.js';
import { BUFFER, FLOW_OK } from './layout.js';
import { type Geometry, geometryOf, layOut } from './picture.js';

export interface FeederOptions {
  readonly source: FrameSource;
  readonly partsPerSecond: number;
  /** Hold the line until the last frame but one was taken, instead of letting frames go by. */
  readonly lossless: boolean;
}

/** Frames that may wait in the appsrc. More than that are not pushed: the newest is what counts. */
const MAX_QUEUED = 2;

/**
 * Pushes the pictures of a source into a pipeline's `appsrc`, one part after the other at a fixed rate. Each buffer
 * carries the number of its part as its offset, so that parts which nobody looked at show up as gaps.
 */
export class Feeder {
  readonly #gst: GStreamer;
  readonly #appsrc: GstElement;
  readonly #options: FeederOptions;
  readonly #runningTimeNs: () => bigint | null;
  readonly #sleeper = new Sleeper();
  #geometry: Geometry | undefined;
  #staging = new Uint8Array(0);
  #parts = 0n;
  #taken = 0n;
  #halted = false;
  #pushing: Promise<unknown> = Promise.resolve();
  #failure: unknown;

  /** `runningTimeNs` is the pipeline's own clock; it stamps the frames. */
  constructor(gst: GStreamer, appsrc: GstElement, options: FeederOptions, runningTimeNs: () => bigint | null) {
    this.#gst = gst;
    this.#appsrc = appsrc;
    this.#options = options;
    this.#runningTimeNs = runningTimeNs;
  }

  /** What the source threw; undefined as long as all is well. */
  get failure(): unknown {
    return this.#failure;
  }

  start(): void {
    this.#run().catch((failure: unknown) => {
      this.#failure = failure;
    });
  }

  /** Tells that the frame with this part number has left the pipeline. */
  taken(part: bigint): void {
    this.#taken = part + 1n;
  }

  /** Begins no further part. A push under way may wait until the pipeline is stopped. */
  halt(): void {
    this.#halted = true;
    this.#sleeper.wake();
  }

  /** Lets go of the appsrc. To be called once, after `halt`, when the pipeline has stopped. */
  async release(): Promise<void> {
    await this.#pushing;
    this.#gst.objectUnref(this.#appsrc);
  }

  async #run(): Promise<void> {
    const periodMs = 1000 / this.#options.partsPerSecond;
    this.#geometry = this.#readGeometry();
    this.#staging = new Uint8Array(this.#geometry.size);
    let dueMs = monotonicMs();
    while (!this.#halted) {
      await this.#sleeper.sleep(dueMs - monotonicMs());
      while (!this.#halted && this.#options.lossless && this.#parts - this.#taken >= MAX_QUEUED) {
        await this.#sleeper.sleep(1);
      }
      if (this.#halted) return;
      // A line that fell behind goes on at its rate: parts that are overdue do not come in a burst.
      dueMs = Math.max(dueMs, monotonicMs() - periodMs) + periodMs;
      const picture = await this.#options.source.next();
      if (this.#halted) return;
      if (picture === null) {
        this.#gst.endOfStream(this.#appsrc);
        return;
      }
      layOut(picture, this.#geometry, this.#staging);
      const part = this.#parts++;
      const queued = Number(this.#gst.queuedBytes(this.#appsrc));
      if (queued >= MAX_QUEUED * this.#geometry.size) continue;
      if (!(await this.#push(part, periodMs))) return;
    }
  }

  /** @returns false when the pipeline takes no more, which its bus then explains */
  async #push(part: bigint, periodMs: number): Promise<boolean> {
    const { size } = this.#geometry!;
    const buffer = this.#gst.bufferNew(null, size, null);
    if (buffer === null || Number(this.#gst.bufferSize(buffer)) < size) {
      if (buffer !== null) this.#gst.unrefMini(buffer);
      throw new SideglanceError('SG_CAMERA_LOST', `no memory for a frame of ${size} bytes`);
    }
    this.#gst.bufferFill(buffer, 0, this.#staging, size);
    BUFFER.setPts(buffer, this.#runningTimeNs() ?? 0n);
    BUFFER.setDuration(buffer, BigInt(Math.round(periodMs * 1e6)));
    BUFFER.setOffset(buffer, part);
    BUFFER.setOffsetEnd(buffer, part + 1n);
    // Off the thread: an appsrc written with block=true waits here.
    const pushed = this.#gst.pushBuffer.offThread(this.#appsrc, buffer);
    this.#pushing = pushed;
    return (await pushed) === FLOW_OK;
  }

  #readGeometry(): Geometry {
    const caps = this.#gst.sourceCaps(this.#appsrc);
    if (caps === null) {
      throw new SideglanceError(
        'SG_CAMERA_PIPELINE',
        'the appsrc of the simulated line has no caps: write `caps=video/x-raw,format=…,width=…,height=…,framerate=…`',
      );
    }
    try {
      return geometryOf(this.#gst, caps);
    } finally {
      this.#gst.unrefMini(caps);
    }
  }
}
