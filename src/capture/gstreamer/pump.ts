import { SideglanceError } from '../../errors.js';
import type { OpenDevice, Shot } from '../source.js';
import type { GStreamer, GstBuffer, GstElement } from './binding.js';
import { BUFFER, FLOW_OK } from './layout.js';

/** The longest that one call waits for a frame: so late an end is noticed. */
const FETCH_MS = 200;
/** GStreamer begins each row of such a frame at a multiple of so many bytes. */
const ROW_ALIGNMENT = 4;
const SEE_TO = 'packets were lost on the way. See to the receive buffer (net.core.rmem_max) and to `packetSize`';
const INCOMPLETE = `a frame did not come whole and is left out: ${SEE_TO}`;

/**
 * Brings the frames of a device into a pipeline's `appsrc`, as they come. Each buffer carries the number of its frame as its offset, so
 * that frames which did not come whole, or which nobody looked at, show up as gaps.
 */
export class Pump {
  readonly #gst: GStreamer;
  readonly #appsrc: GstElement;
  readonly #device: OpenDevice;
  readonly #runningTimeNs: () => bigint | null;
  #frames = 0n;
  #halted = false;
  #running: Promise<void> = Promise.resolve();
  #failure: unknown;
  #warnings: string[] = [];

  /** `runningTimeNs` is the pipeline's own clock; it stamps the frames. */
  constructor(gst: GStreamer, appsrc: GstElement, device: OpenDevice, runningTimeNs: () => bigint | null) {
    this.#gst = gst;
    this.#appsrc = appsrc;
    this.#device = device;
    this.#runningTimeNs = runningTimeNs;
  }

  get device(): OpenDevice {
    return this.#device;
  }

  /** What the device threw; undefined as long as all is well. */
  get failure(): unknown {
    return this.#failure;
  }

  /** What was noticed since the last call. */
  takeWarnings(): string[] {
    return this.#warnings.splice(0);
  }

  start(): void {
    this.#running = this.#run().catch((failure: unknown) => {
      this.#failure = failure;
    });
  }

  /** Nobody waits for a frame to be taken. */
  taken(): void {}

  /** Fetches no further frame. */
  halt(): void {
    this.#halted = true;
  }

  /** Lets go of the appsrc and the device. To be called once, after `halt`, when the pipeline has stopped. */
  async release(): Promise<void> {
    await this.#running;
    this.#gst.objectUnref(this.#appsrc);
    await this.#device.close();
  }

  async #run(): Promise<void> {
    while (!this.#halted) {
      const shot = await this.#device.next(FETCH_MS);
      if (shot === null) continue;
      this.#frames += BigInt(shot.missed);
      if (shot.missed > 0) this.#warnings.push(`${shot.missed} frames of the camera did not come at all: ${SEE_TO}`);
      let buffer: GstBuffer | null = null;
      try {
        if (shot.pixels !== null) buffer = await this.#bufferOf(shot.pixels, shot);
        else this.#warnings.push(INCOMPLETE);
      } finally {
        shot.release();
      }
      this.#frames++;
      // Off the thread: an appsrc may wait here. What takes no more explains it on its bus.
      if (buffer !== null && (await this.#gst.pushBuffer.offThread(this.#appsrc, buffer)) !== FLOW_OK) return;
    }
  }

  async #bufferOf(pixels: Uint8Array, { ageMs }: Shot): Promise<GstBuffer> {
    const { rowBytes, rows } = this.#device;
    const stride = Math.ceil(rowBytes / ROW_ALIGNMENT) * ROW_ALIGNMENT;
    const size = stride * rows;
    const buffer = this.#gst.bufferNew(null, size, null);
    if (buffer === null) throw new SideglanceError('SG_CAMERA_LOST', `no memory for a frame of ${size} bytes`);
    const laid = stride === rowBytes ? pixels : padded(pixels, rowBytes, stride, rows);
    await this.#gst.bufferFill.offThread(buffer, 0, laid, size);
    const now = this.#runningTimeNs() ?? 0n;
    const age = BigInt(Math.round(ageMs * 1e6));
    BUFFER.setPts(buffer, now > age ? now - age : 0n);
    BUFFER.setOffset(buffer, this.#frames);
    BUFFER.setOffsetEnd(buffer, this.#frames + 1n);
    return buffer;
  }
}

function padded(pixels: Uint8Array, rowBytes: number, stride: number, rows: number): Uint8Array {
  const laid = new Uint8Array(stride * rows);
  for (let row = 0; row < rows; row++) laid.set(pixels.subarray(row * rowBytes, (row + 1) * rowBytes), row * stride);
  return laid;
}
