import { reasonOf, SideglanceError } from '../errors.js';
import type { ShadowTask } from '../shadow.js';
import type {
  EngineBuild,
  FailedBundle,
  Inspection,
  InvalidReason,
  PartId,
  StationMessage,
  StationOrder,
} from '../types.js';
import { SUPERVISION_LIMITS, type SupervisionLimits } from './limits.js';
import { monotonicMs, timestamp } from './moment.js';
import { OpenOrders, type OrderAnswer } from './orders.js';
import type { CameraReport, StationSnapshot, StationState, SupervisionEvent, SupervisionEvents } from './reports.js';
import { RestartPolicy } from './restart-policy.js';
import { RunningModel } from './running-model.js';
import { StationParts } from './station-parts.js';
import { type StationExit, StationProcess } from './station-process.js';

export { SUPERVISION_LIMITS, type SupervisionLimits } from './limits.js';
export type { StationSnapshot, SupervisionEvent } from './reports.js';

export interface StationSupervisorOptions<Start> {
  readonly name: string;
  /** The compiled program of the station process, and what it is given. */
  readonly entry: string;
  readonly start: Start;
  readonly deadlineMs: number;
  readonly events: SupervisionEvents;
  readonly limits?: SupervisionLimits;
}

/**
 * Keeps one station alive, life after life, and sees to it that every part it accepted is answered once and in time.
 */
export class StationSupervisor<Start> {
  readonly name: string;
  readonly #options: StationSupervisorOptions<Start>;
  readonly #limits: SupervisionLimits;
  readonly #parts: StationParts;
  readonly #policy: RestartPolicy;
  readonly #orders = new OpenOrders();
  #start: Start;
  /** What the life under way was given. */
  #given: Start;
  #process: StationProcess<Start> | null = null;
  #state: StationState = 'stopped';
  #reason: string | null = null;
  #stopping = false;
  #restartTimer: NodeJS.Timeout | undefined;
  #restartDueMs = Number.POSITIVE_INFINITY;
  #epoch: string | null = null;
  readonly #model: RunningModel;
  #camera: StationSnapshot['camera'] = { state: null, reason: null };
  #lives = 0;
  #rssBytes = 0;
  #lagMs = 0;
  #malformed = 0;
  #malformedThisLife = 0;
  #proven: StationSnapshot['proven'] = null;

  constructor(options: StationSupervisorOptions<Start>) {
    this.name = options.name;
    this.#options = options;
    this.#start = options.start;
    this.#given = options.start;
    this.#limits = options.limits ?? SUPERVISION_LIMITS;
    this.#model = new RunningModel(options.name, options.events);
    this.#parts = new StationParts({
      station: options.name,
      deadlineMs: options.deadlineMs,
      limits: this.#limits.ledger,
      inUse: () => {
        const { model, provider } = this.#model.inUse;
        return { model, provider };
      },
      onAnswer: (inspection, attachments) => {
        options.events.onAnswer(inspection, attachments);
        this.#orders.answered(inspection);
      },
      log: (level, event, fields) => this.#log(level, event, fields),
    });
    this.#policy = new RestartPolicy(monotonicMs, this.#limits.restart);
  }

  start(): void {
    if (this.#process !== null || this.#stopping) return;
    this.#lives++;
    this.#malformedThisLife = 0;
    this.#proven = null;
    this.#restartDueMs = Number.POSITIVE_INFINITY;
    if (this.#state !== 'failed') this.#enter('starting', this.#reason);
    try {
      this.#process = this.#launch();
    } catch (thrown) {
      // The machine is short of something (memory, processes, descriptors) and may not be so for long.
      this.#ended({ reason: `could not be run: ${reasonOf(thrown)}`, hopeless: false, asked: false });
      return;
    }
    this.#log('info', 'station.started', { pid: this.#process.pid });
  }

  /** Lets the station finish its part, then ends it; bounded by `stopWithinMs`. What is open then is answered as lost. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restartTimer);
    this.#restartDueMs = Number.POSITIVE_INFINITY;
    await this.#process?.stop();
    this.#enter('stopped', null);
  }

  /** What every later life of the station is given to do; one that is still loading ends when it has. */
  configure(start: Start): void {
    this.#start = start;
  }

  /** Ends the station after its part, and starts it anew; also one that waits to be started. */
  async restart(): Promise<void> {
    clearTimeout(this.#restartTimer);
    await this.#process?.stop();
    this.#enter('restarting', 'by a command');
    this.start();
  }

  /** What is active has changed: a station that waits for its next start starts at once, for it opens what is active. */
  startSoon(): void {
    if (this.#process !== null) return;
    clearTimeout(this.#restartTimer);
    this.start();
  }

  /**
   * Gives the station something to do. A trigger's answer is its part.
   * @throws SideglanceError what the station says; SG_STATION_LOST where it does not run or ends, SG_COMMAND_TIMEOUT, SG_COMMAND_BUSY
   */
  async order(order: StationOrder, withinMs: number): Promise<OrderAnswer> {
    if (this.#process === null || this.#state !== 'running') {
      const text = `the station is ${this.#state}${this.#reason === null ? '' : `: ${this.#reason}`}`;
      throw new SideglanceError('SG_STATION_LOST', text);
    }
    const { id, answer } = this.#orders.open(withinMs);
    this.#process.order(id, order);
    return answer;
  }

  /** Answers a part that was asked for and that the station does not take: a trigger always gets an answer. */
  refusePart(reason: InvalidReason, detail: string): Inspection {
    return this.#parts.refuse(reason, detail);
  }

  /**
   * Another bundle is to take over between two parts, see `onBundle` for what becomes of it. A station that is not ready has
   * none to be taken over from: nothing happens.
   */
  switchTo(folder: string): void {
    if (this.#epoch !== null) this.#process?.switchTo(folder);
  }

  /** A bundle is to look at parts beside the one in use, see `onBundle`; null: none. A station that is not ready has none. */
  shadow(task: ShadowTask | null): void {
    if (this.#epoch !== null) this.#process?.shadow(task);
  }

  /** The station ran a bundle that it is not to run any longer. */
  tellRefused(failed: FailedBundle): void {
    this.#model.tellRefused(failed);
  }

  snapshot(): StationSnapshot {
    return {
      name: this.name,
      state: this.#state,
      reason: this.#reason,
      pid: this.#process?.pid ?? null,
      ...this.#model.inUse,
      camera: this.#camera,
      restarts: Math.max(0, this.#lives - 1),
      rssBytes: this.#rssBytes,
      lagMs: this.#lagMs,
      ...this.#parts.counts,
      malformed: this.#malformed,
      proven: this.#proven,
      overdueMs: this.#overdueMs(),
    };
  }

  #launch(): StationProcess<Start> {
    this.#given = this.#start;
    return new StationProcess<Start>({
      entry: this.#options.entry,
      start: this.#start,
      limits: this.#limits.process,
      onMessage: (message) => this.#receive(message),
      onMalformed: () => this.#reject('no station message'),
      onStderr: (line) => this.#log('warn', 'station.stderr', { line }),
      onExit: (exit) => this.#ended(exit),
    });
  }

  #receive(message: StationMessage): void {
    switch (message.type) {
      case 'building':
        this.#seeBuild(message.model, message.build);
        return;
      case 'switched':
        this.#model.switched(message);
        return;
      case 'refused':
        this.#model.refused(message);
        return;
      case 'shadow':
        this.#model.shadow(message.report);
        return;
      case 'shadow-refused':
        this.#model.shadowRefused(message);
        return;
      case 'ready':
        this.#epoch = message.epoch;
        this.#becomeReady(message);
        return;
      case 'camera':
        this.#seeCamera(message);
        return;
      case 'accepted':
        if (!this.#isOurs(message.part)) return;
        if (message.trigger !== null) this.#orders.accepted(message.trigger, message.part);
        this.#parts.accept(message.part, message.captured);
        return;
      case 'inspection':
        if (!this.#isOurs(message.inspection.part)) return;
        if (message.inspection.regions.length > 0) this.#proven = 'part';
        this.#parts.settle(message.inspection, message.attachments);
        return;
      case 'progress':
        this.#rssBytes = message.rssBytes;
        this.#lagMs = message.lagMs;
        if (message.selfTests > 0) this.#proven ??= 'golden sample';
        return;
      case 'done':
        this.#orders.settle(message.id, message.outcome);
        if (message.outcome.ok && message.outcome.result.kind === 'threshold') {
          this.#model.judgesBy(message.outcome.result.score);
        }
        return;
      case 'fault':
        this.#seeFault(message);
        return;
    }
  }

  #seeFault({ code, message, fatal, part }: Extract<StationMessage, { type: 'fault' }>): void {
    const where = part === undefined ? {} : { epoch: part.epoch, sequence: part.sequence };
    this.#log(fatal ? 'error' : 'warn', 'station.fault', { code, message, ...where });
  }

  /** A part of another station or life would be booked, and published, under a wrong name. */
  #isOurs(part: PartId): boolean {
    if (part.station === this.name && part.epoch === this.#epoch) return true;
    this.#reject(`a part of station ${part.station}, epoch ${part.epoch}`);
    return false;
  }

  #reject(what: string): void {
    this.#malformed++;
    // The counter tells how often; a station gone mad must not flood the log.
    if (this.#malformedThisLife++ === 0) this.#log('error', 'station.malformed', { what });
  }

  #ended(exit: StationExit): void {
    this.#process = null;
    const stopped = this.#stopping;
    this.#parts.lose(`the station process ${exit.reason}`);
    this.#orders.lose(`the station process ${exit.reason}`);
    this.#epoch = null;
    this.#proven = null;
    this.#rssBytes = 0;
    this.#lagMs = 0;
    this.#model.ended(exit.reason);
    this.#log(exit.asked ? 'info' : 'error', 'station.ended', { reason: exit.reason });
    if (stopped) return;

    this.#seeCamera({ state: 'lost', reason: `the station process ${exit.reason}`, at: timestamp() });
    // Somebody asked for it, and starts the next one.
    if (exit.asked) return;
    const decision = this.#policy.onExit(exit.hopeless);
    this.#enter(decision.state, exit.reason);
    this.#log(decision.newlyFailed ? 'error' : 'info', decision.newlyFailed ? 'station.failed' : 'station.restarting', {
      reason: exit.reason,
      delayMs: decision.delayMs,
    });
    this.#restartDueMs = monotonicMs() + decision.delayMs;
    this.#restartTimer = setTimeout(() => this.start(), decision.delayMs);
  }

  #overdueMs(): number {
    const due = Math.min(this.#restartDueMs, this.#parts.nextDueMs() ?? Number.POSITIVE_INFINITY);
    return Math.max(0, this.#process?.overdueMs ?? 0, monotonicMs() - due);
  }

  #seeCamera({ state, reason, at }: CameraReport): void {
    this.#camera = { state, reason };
    this.#options.events.onCamera({ state, reason, at });
  }

  #becomeReady(message: Extract<StationMessage, { type: 'ready' }>): void {
    this.#policy.onReady();
    this.#enter('running', null);
    this.#model.ready(message);
    // It was configured anew while it was loading, when it takes no orders.
    if (this.#given !== this.#start) void this.restart();
  }

  #seeBuild(model: string, build: EngineBuild): void {
    this.#model.builds(model, build);
    if (this.#state === 'running') return;
    const what = build.phase === 'waiting' ? 'waits for another build to end before it builds' : 'builds';
    this.#enter('starting', `${what} an engine for ${build.provider} in ${build.precision}`);
  }

  #enter(state: StationState, reason: string | null): void {
    this.#state = state;
    this.#reason = reason;
  }

  #log(level: 'info' | 'warn' | 'error', event: SupervisionEvent, fields: Readonly<Record<string, unknown>>): void {
    this.#options.events.onEvent(level, event, { station: this.name, ...fields });
  }
}
