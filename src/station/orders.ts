import { type ErrorCode, reasonOf, SideglanceError } from '../errors.js';
import type {
  Attachment,
  CalibratedThreshold,
  CameraControls,
  Frame,
  Inspection,
  OrderOutcome,
  OrderResult,
  Picture,
  StationMessage,
  StationOrder,
  ThresholdChoice,
} from '../types.js';

/** What orders act on. */
export interface OrderTargets {
  /** Judges by another threshold from now on; returns the score. */
  setThreshold(choice: ThresholdChoice): number;
  /** @param scores of good regions */
  calibrate(falseRejectRate: number, scores: readonly number[]): Omit<CalibratedThreshold, 'parts' | 'regions'>;
  /** @throws SideglanceError SG_COMMAND_UNSUPPORTED for a camera that cannot, SG_COMMAND_FAILED where it did not take it */
  setCamera(controls: CameraControls): Promise<void>;
  /** Has the camera take a picture, where that is for us to do. @throws SideglanceError as `Camera.fire` */
  fire(): Promise<void>;
  encode(picture: Picture): Promise<Attachment>;
}

export interface OrdersOptions {
  readonly targets: OrderTargets;
  readonly send: (message: StationMessage) => Promise<void>;
  /** `command`: a frame is a part only where it was asked for. */
  readonly trigger: 'frames' | 'command';
  readonly paused: boolean;
  /** CLOCK_MONOTONIC in milliseconds. */
  readonly now: () => number;
}

interface Waiting {
  readonly id: number;
  readonly sinceMs: number;
  readonly dueMs: number;
}

interface Calibration extends Waiting {
  readonly parts: number;
  readonly falseRejectRate: number;
  readonly scores: number[];
  partsSeen: number;
}

/** Of triggers, snapshots and calibrations one may be under way; of each the agent is told at once what cannot be done. */
export class Orders {
  readonly #options: OrdersOptions;
  #paused: boolean;
  #trigger: Waiting | null = null;
  #snapshot: Waiting | null = null;
  #calibration: Calibration | null = null;

  constructor(options: OrdersOptions) {
    this.#options = options;
    this.#paused = options.paused;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Whether a frame that is taken now would be looked at by anybody. */
  get wantsFrame(): boolean {
    return this.#options.trigger === 'frames' || this.#trigger !== null || this.#snapshot !== null;
  }

  /** Never rejects; an order that has to wait for a frame is settled by `after` or `expire`. */
  async take(id: number, order: StationOrder): Promise<void> {
    try {
      const result = await this.#begin(id, order);
      if (result !== null) await this.#settle(id, { ok: true, result });
    } catch (thrown) {
      await this.#fail(id, thrown);
    }
  }

  /**
   * Whether a frame is a part, and by which order. A frame that was taken before the order is none: it shows the part
   * before.
   */
  partBy(frame: Frame): { readonly trigger: number | null } | null {
    const trigger = this.#trigger;
    if (trigger === null || frame.captured.monotonicMs < trigger.sinceMs) {
      return this.#options.trigger === 'frames' ? { trigger: null } : null;
    }
    const { id } = trigger;
    this.#trigger = null;
    return { trigger: id };
  }

  /** To be called for each frame, before the next one is asked for; with the answer where it was a part. */
  async after(frame: Frame, inspection: Inspection | null): Promise<void> {
    if (inspection !== null) await this.#collect(inspection);
    if (this.#snapshot === null) return;
    const { id } = this.#snapshot;
    this.#snapshot = null;
    try {
      const picture = await this.#options.targets.encode(frame.picture);
      await this.#settle(id, {
        ok: true,
        result: { kind: 'snapshot', snapshot: { captured: frame.captured, picture } },
      });
    } catch (thrown) {
      await this.#fail(id, thrown);
    }
  }

  /** Gives up what has waited too long. To be called whenever the pull loop comes round. */
  async expire(): Promise<void> {
    const now = this.#options.now();
    const isDue = (waiting: Waiting | null): waiting is Waiting => waiting !== null && waiting.dueMs <= now;
    const [trigger, snapshot, calibration] = [this.#trigger, this.#snapshot, this.#calibration];
    const noFrame = failure('SG_CAMERA_LOST', 'the camera gave no frame in time: look at its state');
    if (isDue(trigger)) {
      this.#trigger = null;
      await this.#fail(trigger.id, noFrame);
    }
    if (isDue(snapshot)) {
      this.#snapshot = null;
      await this.#fail(snapshot.id, noFrame);
    }
    if (calibration !== null && isDue(calibration)) {
      const { id, partsSeen, parts } = calibration;
      this.#calibration = null;
      const text = `only ${partsSeen} of ${parts} parts came in time; the threshold stays. Ask for fewer, or give more time`;
      await this.#fail(id, failure('SG_COMMAND_TIMEOUT', text));
    }
  }

  async #begin(id: number, order: StationOrder): Promise<OrderResult | null> {
    const { targets, now } = this.#options;
    const waiting = (withinMs: number): Waiting => ({ id, sinceMs: now(), dueMs: now() + withinMs });
    switch (order.kind) {
      case 'trigger':
        if (this.#trigger !== null) throw busy('a trigger');
        this.#trigger = waiting(order.withinMs);
        await this.#fire('trigger', id);
        return null;
      case 'snapshot':
        if (this.#snapshot !== null) throw busy('a snapshot');
        this.#snapshot = waiting(order.withinMs);
        await this.#fire('snapshot', id);
        return null;
      case 'calibrate': {
        if (this.#calibration !== null) throw busy('a calibration');
        const { parts, falseRejectRate, withinMs } = order;
        this.#calibration = { ...waiting(withinMs), parts, falseRejectRate, scores: [], partsSeen: 0 };
        return null;
      }
      case 'threshold':
        return { kind: 'threshold', score: targets.setThreshold(order.threshold) };
      case 'camera':
        await targets.setCamera(order.controls);
        return { kind: 'camera' };
      case 'pause':
        this.#paused = order.paused;
        return { kind: 'pause' };
    }
  }

  /** Rejects where no picture will come, unless the order was given up meanwhile. */
  async #fire(kind: 'trigger' | 'snapshot', id: number): Promise<void> {
    try {
      await this.#options.targets.fire();
    } catch (thrown) {
      if ((kind === 'trigger' ? this.#trigger : this.#snapshot)?.id !== id) return;
      if (kind === 'trigger') this.#trigger = null;
      else this.#snapshot = null;
      throw thrown;
    }
  }

  /** Parts that could not be judged say nothing about good ones. */
  async #collect({ verdict, regions }: Inspection): Promise<void> {
    const calibration = this.#calibration;
    if (calibration === null || verdict.result === 'invalid') return;
    calibration.partsSeen++;
    calibration.scores.push(...regions.map(({ score }) => score));
    if (calibration.partsSeen < calibration.parts) return;
    this.#calibration = null;
    const { id, parts, falseRejectRate, scores } = calibration;
    scores.sort((a, b) => a - b);
    try {
      const threshold = this.#options.targets.calibrate(falseRejectRate, scores);
      const result = { ...threshold, parts, regions: scores.length };
      await this.#settle(id, { ok: true, result: { kind: 'calibrate', threshold: result } });
    } catch (thrown) {
      await this.#fail(id, thrown);
    }
  }

  #fail(id: number, thrown: unknown): Promise<void> {
    const code: ErrorCode = thrown instanceof SideglanceError ? thrown.code : 'SG_COMMAND_FAILED';
    return this.#settle(id, { ok: false, code, message: reasonOf(thrown) });
  }

  #settle(id: number, outcome: OrderOutcome): Promise<void> {
    return this.#options.send({ type: 'done', id, outcome });
  }
}

function failure(code: ErrorCode, message: string): SideglanceError {
  return new SideglanceError(code, message);
}

function busy(what: string): SideglanceError {
  return failure('SG_COMMAND_BUSY', `${what} is under way at this station: wait for its answer`);
}
