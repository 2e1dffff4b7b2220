import { reasonOf, SideglanceError } from '../errors.js';
import type { CameraState, Frame } from '../types.js';
import { Backoff } from './backoff.js';
import { monotonicMs, Sleeper, timestamp } from './clock.js';
import { Pipeline, type Pulled } from './gstreamer/pipeline.js';
import { CAMERA_LIMITS, type CameraLimits, type CameraOptions } from './options.js';
import { SkippedFrames } from './skipped.js';
import type { Device, OpenDevice } from './source.js';

export type { CameraEvent, CameraLimits, CameraOptions } from './options.js';

type Phase =
  | { readonly kind: 'waiting'; readonly untilMs: number }
  | { readonly kind: 'fetching'; readonly work: Promise<void> }
  | { readonly kind: 'busy'; readonly work: Promise<void>; readonly with: 'open' | 'stop'; readonly sinceMs: number }
  | {
      readonly kind: 'running';
      readonly pipeline: Pipeline;
      readonly label: string;
      readonly sinceMs: number;
      /** Number of the first frame of this pipeline. */
      readonly from: number;
    }
  | { readonly kind: 'ended' }
  | { readonly kind: 'failed'; readonly error: SideglanceError };

type Running = Extract<Phase, { kind: 'running' }>;

/**
 * One camera, kept open. `next` drives everything: there is no work in the background but native calls that were begun
 * there, so a caller who stops calling stops the camera's supervision too.
 *
 * States: `opening` until the first frame, `running`, `silent` (the pipeline runs, no frame comes), `lost` (an error,
 * or silence for too long; being reopened), `ended` (the stream came to its end).
 */
export class Camera {
  readonly #options: CameraOptions;
  readonly #limits: CameraLimits;
  readonly #backoff: Backoff;
  readonly #skipped = new SkippedFrames();
  readonly #sleeper = new Sleeper();
  #phase: Phase = { kind: 'waiting', untilMs: 0 };
  #state: CameraState | null = null;
  #outage = '';
  #everBuilt = false;
  #sequence = 0;
  #lastFrameMs = 0;
  #asking = false;
  /** Instead of what the options say. */
  #changed: string | Device | null = null;
  #closing: Promise<void> | undefined;

  constructor(options: CameraOptions) {
    this.#options = options;
    this.#limits = { ...CAMERA_LIMITS, ...options.limits };
    this.#backoff = new Backoff(this.#limits.backoffMinMs, this.#limits.backoffMaxMs);
  }

  /** The state that was published last; null before the first call of `next`. */
  get state(): CameraState | null {
    return this.#state;
  }

  /**
   * The newest frame (the next one with `lossless`, or of a `queue`), or null when none came within `limits.pullMs`. Opens and reopens
   * the camera itself. After the end of the stream and after `close` it waits as long and returns null.
   * @throws SideglanceError SG_CAMERA_PIPELINE when the pipeline can never work, SG_NATIVE_LIBRARY without GStreamer,
   *   SG_CAMERA_LOST when a driver does not return, which only a new process can mend; and again when asked again
   */
  async next(): Promise<Frame | null> {
    if (this.#asking) throw new Error('Camera.next was called while an earlier call was still waiting');
    this.#asking = true;
    try {
      return await this.#step();
    } finally {
      this.#asking = false;
    }
  }

  /**
   * Changes the pipeline now, where it runs, and opens another one from now on.
   * @throws SideglanceError what `change` throws; everything stays as it was then
   */
  async adjust(pipeline: string | Device, change: (running: Pipeline) => Promise<void>): Promise<void> {
    if (this.#phase.kind === 'running') await change(this.#phase.pipeline);
    this.#changed = pipeline;
  }

  /**
   * Has the camera take a picture now.
   * @throws SideglanceError SG_CAMERA_LOST while it is not open; as `OpenDevice.fire`
   */
  async fire(): Promise<void> {
    if (this.#phase.kind !== 'running') {
      throw new SideglanceError('SG_CAMERA_LOST', 'the camera is not open now: look at its state');
    }
    await this.#phase.pipeline.device?.fire();
  }

  /**
   * Stops the camera and gives everything back.
   * @throws SideglanceError SG_CAMERA_LOST when the driver does not let go within `limits.stopMs`; the process has to
   *   be killed then, an ordinary exit would wait for the driver too
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #step(): Promise<Frame | null> {
    const phase = this.#phase;
    if (this.#closing) return this.#pause();
    switch (phase.kind) {
      case 'failed':
        throw phase.error;
      case 'ended':
        return this.#pause();
      case 'waiting': {
        const leftMs = phase.untilMs - monotonicMs();
        if (leftMs > 0) await this.#sleeper.sleep(Math.min(leftMs, this.#limits.pullMs));
        else this.#fetch();
        return null;
      }
      case 'fetching':
        await this.#sleeper.sleep(this.#limits.pullMs, phase.work);
        return null;
      case 'busy':
        await this.#sleeper.sleep(this.#limits.pullMs, phase.work);
        this.#checkDriver();
        return null;
      case 'running':
        return this.#pull(phase);
    }
  }

  async #pause(): Promise<null> {
    await new Promise((done) => setTimeout(done, this.#limits.pullMs));
    return null;
  }

  /** Finds out what to open next: always the same for a camera, the next file for a folder of them. */
  #fetch(): void {
    const pipeline = this.#changed ?? this.#options.pipeline;
    if (typeof pipeline === 'string' || 'open' in pipeline) {
      this.#open(pipeline, '');
      return;
    }
    const work = pipeline.next(this.#sleeper).then(
      (member) => {
        if (this.#closing) this.#phase = { kind: 'ended' };
        else if (member !== null) this.#open(member.text, member.label);
        else this.#end();
      },
      (error: unknown) => this.#lose('', reasonOf(error), null),
    );
    this.#phase = { kind: 'fetching', work };
  }

  #open(what: string | Device, label: string): void {
    if (this.#state === null || this.#state === 'ended') this.#publish('opening', null);
    this.#phase = { kind: 'busy', with: 'open', sinceMs: monotonicMs(), work: this.#build(what, label) };
  }

  async #build(what: string | Device, label: string): Promise<void> {
    const { format, lossless = false, queue = 1, source, partsPerSecond = 1 } = this.#options;
    let device: OpenDevice | null = null;
    let pipeline: Pipeline | null = null;
    try {
      if (typeof what !== 'string') device = await what.open();
      const feed = device ? { device } : source ? { source, partsPerSecond } : null;
      const text = typeof what === 'string' ? what : (device as OpenDevice).text;
      pipeline = await Pipeline.build({ text, format, lossless, queue, feed });
      this.#everBuilt = true;
      await pipeline.start();
      // It has answered, and its next frame may be far away.
      if (device) this.#publish('silent', 'it is open and waits for its trigger');
      this.#skipped.restart();
      this.#lastFrameMs = monotonicMs();
      this.#phase = { kind: 'running', pipeline, label, sinceMs: this.#lastFrameMs, from: this.#sequence };
    } catch (error) {
      if (pipeline === null) await device?.close();
      // A text that worked once is right: what fails now is the camera.
      if (!this.#everBuilt && error instanceof SideglanceError) this.#phase = { kind: 'failed', error };
      else this.#lose(label, reasonOf(error), pipeline);
    }
  }

  /** A native call cannot be cut short: when one does not return, only a new process helps. */
  #checkDriver(): void {
    const phase = this.#phase;
    if (phase.kind !== 'busy') return;
    const limitMs = phase.with === 'open' ? this.#limits.openMs : this.#limits.stopMs;
    if (monotonicMs() - phase.sinceMs < limitMs) return;
    const doing = phase.with === 'open' ? 'opening' : 'letting go of';
    const text = `the driver has been ${doing} the camera for ${seconds(limitMs)}; the process has to be restarted`;
    if (this.#outage !== text) this.#publish('lost', text);
    this.#outage = text;
    throw new SideglanceError('SG_CAMERA_LOST', text);
  }

  async #pull(running: Running): Promise<Frame | null> {
    const { pipeline, label, sinceMs } = running;
    if (pipeline.error !== null) {
      // A branch may have failed while another one still delivers.
      this.#lose(label, pipeline.error, pipeline);
      return null;
    }
    let pulled: Pulled | null;
    try {
      pulled = await pipeline.pull(this.#limits.pullMs);
    } catch (error) {
      if (!(error instanceof SideglanceError)) throw error;
      if (!this.#closing) this.#lose(label, error.message, pipeline);
      return null;
    }
    if (this.#closing) return null;
    for (const warning of pipeline.poll()) this.#options.onWarning?.(withLabel(label, warning));
    if (pulled !== null) return this.#deliver(pulled, sinceMs);
    this.#examine(running);
    return null;
  }

  #deliver(pulled: Pulled, sinceMs: number): Frame {
    this.#lastFrameMs = monotonicMs();
    if (this.#lastFrameMs - sinceMs >= this.#limits.stableAfterMs) this.#backoff.reset();
    if (this.#state !== 'running') this.#publish('running', null);
    return {
      picture: pulled.picture,
      sequence: this.#sequence++,
      ptsNs: pulled.ptsNs,
      captured: timestamp(pulled.ageMs),
      skipped: this.#skipped.before(pulled),
    };
  }

  /** No frame came: tells an error, the end of the stream and silence apart. */
  #examine({ pipeline, label, from }: Running): void {
    if (pipeline.error !== null) this.#lose(label, pipeline.error, pipeline);
    else if (pipeline.ended && label !== '' && this.#sequence === from) {
      this.#lose(label, 'there is no picture in it', pipeline);
    } else if (pipeline.ended) this.#endOfStream(pipeline);
    else this.#listen(pipeline);
  }

  #listen(pipeline: Pipeline): void {
    const quietMs = monotonicMs() - this.#lastFrameMs;
    if (quietMs >= this.#limits.stallAfterMs) {
      this.#lose('', `no frame for ${seconds(quietMs)} though the pipeline runs`, pipeline);
    } else if (quietMs >= this.#limits.silentAfterMs && this.#state !== 'silent' && this.#state !== 'lost') {
      this.#publish('silent', `no frame for ${seconds(quietMs)} though the pipeline runs`);
    }
  }

  #endOfStream(pipeline: Pipeline): void {
    const { pipeline: what, source, whenEnded = source ? 'stop' : 'reopen' } = this.#options;
    if (typeof what !== 'string' && 'next' in what) {
      this.#backoff.reset();
      this.#stopThen(pipeline, { kind: 'waiting', untilMs: 0 });
    } else if (whenEnded === 'stop') {
      this.#publish('ended', 'end of stream');
      this.#stopThen(pipeline, { kind: 'ended' });
    } else {
      this.#publish('ended', 'end of stream; the camera is being reopened');
      this.#stopThen(pipeline, { kind: 'waiting', untilMs: monotonicMs() + this.#backoff.next() });
    }
  }

  /** The series has no further member. */
  #end(): void {
    this.#publish('ended', 'every image was read');
    this.#phase = { kind: 'ended' };
  }

  #lose(label: string, reason: string, pipeline: Pipeline | null): void {
    // While a camera stays away, every attempt says the same but for numbers (`v4l2src4`, seconds): news only once.
    const news = withLabel(label, reason.replace(/\d+/g, ''));
    if (this.#state !== 'lost' || this.#outage !== news) this.#publish('lost', withLabel(label, reason));
    this.#outage = news;
    const waiting: Phase = { kind: 'waiting', untilMs: monotonicMs() + this.#backoff.next() };
    if (pipeline === null) this.#phase = waiting;
    else this.#stopThen(pipeline, waiting);
  }

  #stopThen(pipeline: Pipeline, after: Phase): void {
    const work = pipeline.stop().then(() => {
      this.#phase = after;
    });
    this.#phase = { kind: 'busy', with: 'stop', sinceMs: monotonicMs(), work };
  }

  #publish(state: CameraState, reason: string | null): void {
    this.#state = state;
    if (!this.#closing) this.#options.onEvent({ state, reason, at: timestamp() });
  }

  async #close(): Promise<void> {
    this.#sleeper.wake();
    const released = this.#release();
    const inTime = new Sleeper();
    let done = false;
    await inTime.sleep(
      this.#limits.stopMs,
      released.then(() => {
        done = true;
      }),
    );
    if (done) return released;
    throw new SideglanceError(
      'SG_CAMERA_LOST',
      `the driver did not let go of the camera within ${seconds(this.#limits.stopMs)}; the process has to be killed`,
    );
  }

  /** Awaits the native call under way, then stops the pipeline that it may have left running. */
  async #release(): Promise<void> {
    for (;;) {
      const phase: Phase = this.#phase;
      if (phase.kind === 'busy' || phase.kind === 'fetching') await phase.work;
      else if (phase.kind === 'running') {
        await phase.pipeline.stop();
        this.#phase = { kind: 'ended' };
      } else return;
    }
  }
}

function withLabel(label: string, text: string): string {
  return label === '' ? text : `${label}: ${text}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
