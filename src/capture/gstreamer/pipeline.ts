import { reasonOf, SideglanceError } from '../../errors.js';
import { outPointer } from '../../native/pointer.js';
import type { Picture, PixelFormat } from '../../types.js';
import type { OpenDevice } from '../source.js';
import {
  type GStreamer,
  type GstBuffer,
  type GstBus,
  type GstCaps,
  type GstElement,
  type GstSample,
  type NativeError,
  openGStreamer,
  takeError,
} from './binding.js';
import { type ElementProperty, setProperty } from './controls.js';
import { missingElements, packageOfElement } from './elements.js';
import { Feeder, type FeederOptions } from './feeder.js';
import { BUFFER, FORMAT_TIME, NONE, SEGMENT, STATE, STATE_CHANGE } from './layout.js';
import { describe, popMessages } from './messages.js';
import { FrameCopier, type Geometry, geometryOf } from './picture.js';
import { Pump } from './pump.js';

export interface PipelineOptions {
  /** Pipeline text ending before the sink. */
  readonly text: string;
  readonly format: PixelFormat;
  /** Every frame counts: the source waits for us. Otherwise only the newest ones are kept. */
  readonly lossless: boolean;
  /** How many frames are kept, where the source does not wait. */
  readonly queue: number;
  /** What feeds the pipeline's appsrc: a line that is rendered (`name=simulated`), or a device (`name=pump`), which it closes. */
  readonly feed: Feed | null;
}

export type Feed = Omit<FeederOptions, 'lossless'> | { readonly device: OpenDevice };

/** One frame as it came out of the pipeline. */
export interface Pulled {
  readonly picture: Picture;
  readonly ptsNs: bigint | null;
  /** Time that the frame stands for; null when the source does not say. */
  readonly durationNs: bigint | null;
  /** Number of the frame as the source counts it; null when it does not count. */
  readonly index: bigint | null;
  /** Milliseconds since the frame was taken; 0 for sources that are not live. */
  readonly ageMs: number;
}

const SINK = 'sideglance_sink';
/** A live frame that claims to be older was stamped by a clock that has nothing to do with the pipeline's. */
const MAX_AGE_MS = 10_000;

/** A GStreamer pipeline with an appsink at its end: parsed, started, pulled from, stopped. */
export class Pipeline {
  readonly #gst: GStreamer;
  readonly #element: GstElement;
  readonly #sink: GstElement;
  readonly #bus: GstBus;
  readonly #feeder: Feeder | Pump | null;
  readonly #copier: FrameCopier;
  #live = false;
  #error: string | null = null;
  #ended = false;
  #stopping: Promise<void> | undefined;
  #pulling: Promise<unknown> = Promise.resolve();
  /** Referenced as long as it is here: an address says nothing once its caps are gone. */
  #caps: { readonly pointer: GstCaps; readonly geometry: Geometry } | undefined;

  private constructor(
    gst: GStreamer,
    element: GstElement,
    sink: GstElement,
    { feed, lossless }: Pick<PipelineOptions, 'feed' | 'lossless'>,
  ) {
    this.#gst = gst;
    this.#element = element;
    this.#sink = sink;
    this.#bus = gst.getBus(element);
    this.#copier = new FrameCopier(gst);
    const appsrc = feed && gst.binGetByName(element, nameOf(feed));
    const clock = () => this.#runningTimeNs();
    if (!feed || !appsrc) this.#feeder = null;
    else if ('device' in feed) this.#feeder = new Pump(gst, appsrc, feed.device, clock);
    else this.#feeder = new Feeder(gst, appsrc, { ...feed, lossless }, clock);
  }

  /**
   * Builds a pipeline. Some sources open their camera here, which takes seconds.
   * @throws SideglanceError SG_CAMERA_PIPELINE when the text cannot work, with the reason and the fix
   */
  static async build(options: PipelineOptions): Promise<Pipeline> {
    const { text, format, lossless, queue, feed } = options;
    refuseGpuMemory(text);
    const gst = await openGStreamer();
    const error = outPointer<'GError'>();
    const sink = `appsink name=${SINK} max-buffers=${lossless ? 1 : queue} drop=${!lossless} sync=false`;
    const element = await gst.parseLaunch.offThread(
      `${text} ! videoconvert ! video/x-raw,format=${format} ! ${sink}`,
      error,
    );
    // A pipeline and an error together mean that only part of the text was understood.
    const sinkElement = element === null || error[0] !== null ? null : gst.binGetByName(element, SINK);
    if (element === null || sinkElement === null) {
      const reason = error[0] === null ? null : takeError(gst, error[0]);
      if (element !== null) await gst.objectUnref.offThread(element);
      throw await cannotBuild(text, reason);
    }
    const pipeline = new Pipeline(gst, element, sinkElement, options);
    if (feed !== null && pipeline.#feeder === null) {
      await pipeline.stop();
      throw new SideglanceError(
        'SG_CAMERA_PIPELINE',
        `what feeds the pipeline needs an \`appsrc name=${nameOf(feed)}\` at its start: ${redact(text)}`,
      );
    }
    return pipeline;
  }

  /**
   * Starts the flow. Frames may come much later than this returns.
   * @throws SideglanceError SG_CAMERA_LOST with what the elements say; `stop` is still to be called
   */
  async start(): Promise<void> {
    // A live source does not preroll; nothing else tells live from stored.
    const paused = await this.#gst.setState.offThread(this.#element, STATE.paused);
    this.#live = paused === STATE_CHANGE.noPreroll;
    const playing =
      paused === STATE_CHANGE.failure ? paused : await this.#gst.setState.offThread(this.#element, STATE.playing);
    if (playing === STATE_CHANGE.failure) {
      this.poll();
      throw new SideglanceError('SG_CAMERA_LOST', this.#error ?? 'the pipeline does not start and gives no reason');
    }
    this.#feeder?.start();
  }

  /**
   * Reads what the elements have said since the last call; `error` and `ended` tell the outcome. To be called after
   * every pull, or the messages pile up. Returns the warnings.
   */
  poll(): string[] {
    if (this.#stopping) return [];
    // An element that fails reports it before it ends the stream: whoever sees the end first must look for the error.
    this.#ended ||= this.#gst.sinkIsEnded(this.#sink) !== 0;
    const warnings: string[] = [];
    for (const message of popMessages(this.#gst, this.#bus)) {
      if (message.kind === 'eos') this.#ended = true;
      else if (message.kind === 'error') this.#error ??= redact(describe(message));
      else if (message.kind === 'warning') warnings.push(redact(describe(message)));
    }
    if (this.#feeder instanceof Pump) warnings.push(...this.#feeder.takeWarnings());
    if (this.#feeder?.failure !== undefined) {
      const who = this.#feeder instanceof Pump ? 'the camera' : 'the simulated line';
      this.#error ??= `${who} failed: ${reasonOf(this.#feeder.failure)}`;
    }
    return warnings;
  }

  /** The first error that an element reported; null as long as all is well. */
  get error(): string | null {
    return this.#error;
  }

  /** Whether the stream has come to its end and every frame of it was pulled. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * The next frame, or null when none came within `timeoutMs` (at once at the end of the stream). The picture is valid
   * until the next call. One call at a time.
   * @throws SideglanceError SG_FRAME_FORMAT when the frame is not what its caps say
   */
  pull(timeoutMs: number): Promise<Pulled | null> {
    if (this.#stopping) return Promise.resolve(null);
    const pulling = this.#pull(timeoutMs);
    this.#pulling = pulling.catch(() => null);
    return pulling;
  }

  /**
   * Sets properties of the element that is called `name` in the text, one after the other.
   * @throws SideglanceError SG_COMMAND_FAILED where there is none, or it does not take one
   */
  async set(name: string, properties: readonly ElementProperty[]): Promise<void> {
    const element = this.#stopping ? null : this.#gst.binGetByName(this.#element, name);
    if (element === null) throw new SideglanceError('SG_COMMAND_FAILED', `the camera has no element ${name} now`);
    try {
      for (const property of properties) await setProperty(this.#gst, element, property);
    } finally {
      this.#gst.objectUnref(element);
    }
  }

  /** The device that feeds it; none where an element of the text is the camera. */
  get device(): OpenDevice | null {
    return this.#feeder instanceof Pump && !this.#stopping ? this.#feeder.device : null;
  }

  /** Stops the flow and frees everything. A camera that is gone can keep this waiting for more than 10 s. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#feeder?.halt();
    await this.#gst.setState.offThread(this.#element, STATE.null);
    // The pull returns by itself now; the sink must not go before it has.
    await this.#pulling;
    await this.#feeder?.release();
    if (this.#caps) this.#gst.unrefMini(this.#caps.pointer);
    this.#gst.objectUnref(this.#bus);
    this.#gst.objectUnref(this.#sink);
    await this.#gst.objectUnref.offThread(this.#element);
  }

  async #pull(timeoutMs: number): Promise<Pulled | null> {
    const sample = await this.#gst.pullSample.offThread(this.#sink, Math.round(timeoutMs * 1e6));
    if (sample === null) return null;
    try {
      const buffer = this.#gst.sampleBuffer(sample);
      const caps = this.#gst.sampleCaps(sample);
      if (buffer === null || caps === null) return null;
      const picture = await this.#copier.copy(buffer, this.#geometry(caps));
      return { picture, ...this.#timing(sample, buffer) };
    } finally {
      this.#gst.unrefMini(sample);
    }
  }

  #timing(sample: GstSample, buffer: GstBuffer): Omit<Pulled, 'picture'> {
    const pts = BUFFER.pts(buffer);
    const duration = BUFFER.duration(buffer);
    const index = BUFFER.offset(buffer);
    // Sources that count frames end each one where the next begins; others put positions in bytes here.
    const counted = index !== NONE && BUFFER.offsetEnd(buffer) === index + 1n;
    if (counted) this.#feeder?.taken(index);
    return {
      ptsNs: pts === NONE ? null : pts,
      durationNs: duration === NONE || duration === 0n ? null : duration,
      index: counted ? index : null,
      ageMs: this.#live && pts !== NONE ? this.#ageMs(sample, pts) : 0,
    };
  }

  #ageMs(sample: GstSample, pts: bigint): number {
    const segment = this.#gst.sampleSegment(sample);
    const now = this.#runningTimeNs();
    // Bytes that bear a time all the same say nothing about when they were taken.
    if (segment === null || now === null || SEGMENT.format(segment) !== FORMAT_TIME) return 0;
    const taken = BigInt(this.#gst.toRunningTime(segment, FORMAT_TIME, pts));
    if (taken === NONE || taken > now) return 0;
    const ageMs = Number(now - taken) / 1e6;
    return ageMs > MAX_AGE_MS ? 0 : ageMs;
  }

  /** Time since the pipeline began to play, on its clock; null before that. */
  #runningTimeNs(): bigint | null {
    const clock = this.#gst.getClock(this.#element);
    if (clock === null) return null;
    const base = BigInt(this.#gst.baseTime(this.#element));
    const now = BigInt(this.#gst.clockTime(clock));
    this.#gst.objectUnref(clock);
    return base === NONE || now < base ? null : now - base;
  }

  #geometry(caps: GstCaps): Geometry {
    if (this.#caps?.pointer === caps) return this.#caps.geometry;
    const geometry = geometryOf(this.#gst, caps);
    if (this.#caps) this.#gst.unrefMini(this.#caps.pointer);
    this.#gst.refMini(caps);
    this.#caps = { pointer: caps, geometry };
    return geometry;
  }
}

function nameOf(feed: Feed): string {
  return 'device' in feed ? 'pump' : 'simulated';
}

/** A text that ends in GPU memory cannot be read by anybody, and GStreamer's own error for it helps nobody. */
function refuseGpuMemory(text: string): void {
  const last = text.split('!').at(-1) ?? '';
  if (!last.includes('memory:NVMM')) return;
  throw new SideglanceError(
    'SG_CAMERA_PIPELINE',
    `the camera pipeline ends in memory of the GPU (\`${last.trim()}\`), where frames cannot be read. ` +
      'Add ` ! nvvidconv ! video/x-raw,format=BGRx` at its end.',
  );
}

const NO_SUCH_ELEMENT = 1;

async function cannotBuild(text: string, reason: NativeError | null): Promise<SideglanceError> {
  const fixes: string[] = [];
  if (reason?.domain === 'gst_parse_error' && reason.code === NO_SUCH_ELEMENT) {
    for (const name of await missingElements(text)) {
      const packageName = packageOfElement(name);
      fixes.push(packageName === null ? `is \`${name}\` spelt right?` : `\`${name}\` comes with ${packageName}`);
    }
  }
  const fix = fixes.length === 0 ? '' : ` (${fixes.join('; ')})`;
  return new SideglanceError(
    'SG_CAMERA_PIPELINE',
    `the camera pipeline cannot be built: ${reason?.message ?? 'it has no sink'}${fix}. Pipeline: ${redact(text)}`,
  );
}

/** Cuts user names and passwords out of a text that will be logged and published. */
export function redact(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi, '$1…@').replace(/\b(user-(?:pw|id)=)\S+/g, '$1…');
}
