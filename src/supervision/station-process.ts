import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { ShadowTask } from '../shadow.js';
import type { StationMessage, StationOrder } from '../types.js';
import { parseStationMessage, type ToStation } from './messages.js';
import { StderrTail } from './stderr-tail.js';

export interface StationProcessLimits {
  /** From the fork to `ready`, or to the word that an engine is built first. */
  readonly startWithinMs: number;
  /** From that word to `ready`. An engine takes ten minutes on a small device, and stations build one after the other. */
  readonly buildWithinMs: number;
  /** Longest silence of a station that builds. */
  readonly buildSilentMs: number;
  /** Longest time without proof of progress once it is ready. The pull loop returns several times a second, camera or not. */
  readonly progressWithinMs: number;
  /** From the message to stop to SIGKILL. */
  readonly stopWithinMs: number;
  /** From the report of a fatal fault to SIGKILL; the station should end by itself. */
  readonly exitAfterFaultMs: number;
  /** How long the messages that a dead process left in its channel are waited for. */
  readonly drainAfterExitMs: number;
  /** Threads of libuv's pool: pending pull, state change, inference, encoding, and some to spare. */
  readonly threadPoolSize: number;
}

export const STATION_PROCESS_LIMITS: StationProcessLimits = {
  startWithinMs: 120_000,
  buildWithinMs: 3_600_000,
  buildSilentMs: 60_000,
  progressWithinMs: 15_000,
  stopWithinMs: 1_200,
  exitAfterFaultMs: 2_000,
  drainAfterExitMs: 500,
  threadPoolSize: 8,
};

/**
 * glibc's, mallopt(3): one heap for all threads. A model's memory is taken by whatever thread of the pool loads it, and each
 * heap keeps what was its most.
 */
const MEMORY = { MALLOC_ARENA_MAX: '1' };

export interface StationExit {
  /** Why it ended, in a form that fits "the station process … ". */
  readonly reason: string;
  /** It reported a fault that only a person can mend. */
  readonly hopeless: boolean;
  /** It was asked to stop. */
  readonly asked: boolean;
}

export interface StationProcessOptions<Start> {
  /** The compiled program of the process. */
  readonly entry: string;
  /** What the process is to do; sent as its first message. Must survive a structured clone. */
  readonly start: Start;
  readonly onMessage: (message: StationMessage) => void;
  /** Something came through the channel that is not a station message. */
  readonly onMalformed: () => void;
  /** A line that native code or Node printed to standard error. */
  readonly onStderr: (line: string) => void;
  /** Called once, after the last message. */
  readonly onExit: (exit: StationExit) => void;
  readonly limits?: StationProcessLimits;
}

/**
 * One life of a station process. It is killed when it takes too long to get ready, shows no progress or does not stop;
 * every message it managed to send before its end is delivered before `onExit`.
 */
export class StationProcess<Start> {
  readonly #options: StationProcessOptions<Start>;
  readonly #limits: StationProcessLimits;
  readonly #child: ChildProcess;
  readonly #stderr: StderrTail;
  readonly #ended: Promise<void>;
  #endedNow: () => void = () => {};
  #finished = false;
  #timer: NodeJS.Timeout | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #asked = false;
  #hopeless = false;
  /** Set by whoever decides that it must go, so that the exit names the cause rather than the signal. */
  #cause: string | undefined;
  /** What it complained of last, unless it went on working afterwards. */
  #lastFault: string | undefined;
  #buildingSinceMs: number | undefined;
  #isReady = false;
  #pulls = -1;
  #parts = -1;
  #runs = -1;

  /** @throws Error when the process cannot be made, or `start` does not survive a structured clone; nothing is left then */
  constructor(options: StationProcessOptions<Start>) {
    this.#options = options;
    this.#limits = options.limits ?? STATION_PROCESS_LIMITS;
    this.#stderr = new StderrTail(options.onStderr);
    this.#ended = new Promise((done) => {
      this.#endedNow = done;
    });
    this.#child = fork(options.entry, [], {
      serialization: 'advanced',
      execArgv: ['--enable-source-maps'],
      env: { ...MEMORY, ...process.env, UV_THREADPOOL_SIZE: String(this.#limits.threadPoolSize) },
      // Standard output belongs to the agent's lines.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => this.#stderr.push(chunk));
    this.#child.on('message', (raw) => this.#receive(raw));
    this.#child.on('error', (error) => {
      this.#cause ??= `could not be run: ${error.message}`;
      if (this.#child.pid === undefined) this.#finish();
    });
    this.#child.once('exit', (code, signal) => this.#exited(code, signal));
    this.#killAfter(this.#limits.startWithinMs, `was not ready within ${this.#limits.startWithinMs} ms`);
    try {
      this.#send({ type: 'start', start: options.start });
    } catch (thrown) {
      clearTimeout(this.#timer);
      this.#finished = true;
      this.#child.kill('SIGKILL');
      throw thrown;
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** For how long its next sign of progress, or its end, has been due. */
  get overdueMs(): number {
    return Math.max(0, performance.now() - this.#dueMs);
  }

  /** Asks the station to stop, kills it after `stopWithinMs`. Settles when it has ended. */
  stop(): Promise<void> {
    if (!this.#asked && !this.#finished) {
      this.#asked = true;
      this.#send({ type: 'stop' });
      this.#killAfter(this.#limits.stopWithinMs, `did not stop within ${this.#limits.stopWithinMs} ms`);
    }
    return this.#ended;
  }

  /** What comes of it is a message; where the process is going, none comes. */
  order(id: number, order: StationOrder): void {
    this.#send({ type: 'order', id, order });
  }

  /** Ends the process at once; `onExit` follows. */
  kill(cause: string): void {
    this.#cause ??= cause;
    this.#child.kill('SIGKILL');
  }

  /** Asks the station, which is ready, to let another bundle take over. */
  switchTo(folder: string): void {
    if (!this.#asked && !this.#finished) this.#send({ type: 'switch', folder });
  }

  /** Asks the station, which is ready, to have a bundle look at parts as well, or none. */
  shadow(task: ShadowTask | null): void {
    if (!this.#asked && !this.#finished) this.#send({ type: 'shadow', task });
  }

  #receive(raw: unknown): void {
    const message = parseStationMessage(raw);
    if (message === null) {
      this.#options.onMalformed();
      return;
    }
    this.#supervise(message);
    this.#options.onMessage(message);
  }

  #supervise(message: StationMessage): void {
    if (message.type === 'ready') this.#isReady = true;
    if (message.type === 'fault') {
      this.#lastFault = message.message;
      if (!message.fatal || this.#asked) return;
      this.#hopeless = true;
      this.#killAfter(this.#limits.exitAfterFaultMs, `did not end after the fault: ${message.message}`);
    } else if (message.type === 'building') {
      // Once it is ready its parts prove more than the build of what comes next.
      if (!this.#asked && !this.#isReady) this.#watchBuild();
    } else if (this.#provesProgress(message)) {
      this.#lastFault = undefined;
      if (this.#asked || this.#hopeless) return;
      this.#killAfter(this.#limits.progressWithinMs, `made no progress for ${this.#limits.progressWithinMs} ms`);
    }
  }

  /** Messages show that the process is there; only the whole time can show that the build itself hangs. */
  #watchBuild(): void {
    const { buildWithinMs, buildSilentMs } = this.#limits;
    this.#buildingSinceMs ??= performance.now();
    const leftMs = this.#buildingSinceMs + buildWithinMs - performance.now();
    if (leftMs <= buildSilentMs)
      this.#killAfter(Math.max(0, leftMs), `built an engine for more than ${buildWithinMs} ms`);
    else this.#killAfter(buildSilentMs, `was silent for ${buildSilentMs} ms while it built an engine`);
  }

  /** Repeating the same counters proves that a timer runs, nothing more. */
  #provesProgress(message: StationMessage): boolean {
    if (message.type === 'ready' || message.type === 'inspection') return true;
    if (message.type !== 'progress') return false;
    const moved = message.pulls > this.#pulls || message.parts > this.#parts || message.runs > this.#runs;
    this.#pulls = message.pulls;
    this.#parts = message.parts;
    this.#runs = message.runs;
    return moved;
  }

  #killAfter(ms: number, cause: string): void {
    clearTimeout(this.#timer);
    this.#dueMs = performance.now() + ms;
    this.#timer = setTimeout(() => this.kill(cause), ms);
  }

  #send(message: ToStation<Start>): void {
    if (!this.#child.connected) return;
    // A failed send means that the process is going; its exit tells the rest.
    this.#child.send(message as object, () => {});
  }

  /** The exit can be seen before the last messages and the last words are read: both channels close after them. */
  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    clearTimeout(this.#timer);
    const how = signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`;
    const finish = (): void => {
      if (this.#lastFault !== undefined) this.#cause ??= `ended after a fault: ${this.#lastFault}`;
      this.#cause ??= this.#asked && code === 0 ? 'was stopped' : how + this.#stderr.lastWords();
      this.#finish();
    };
    const channels = [
      this.#child.connected && once(this.#child, 'disconnect'),
      this.#child.stderr?.closed === false && once(this.#child.stderr, 'close'),
    ];
    this.#dueMs = performance.now() + this.#limits.drainAfterExitMs;
    this.#timer = setTimeout(finish, this.#limits.drainAfterExitMs);
    Promise.all(channels).then(finish, finish);
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    clearTimeout(this.#timer);
    this.#child.removeAllListeners('message');
    this.#child.stderr?.destroy();
    if (this.#child.connected) this.#child.disconnect();
    this.#options.onExit({ reason: this.#cause ?? 'ended', hopeless: this.#hopeless, asked: this.#asked });
    this.#endedNow();
  }
}
