import { availableParallelism } from 'node:os';
import type { TrainEvent } from '../train/events.js';
import type { Geometry, TrainMethod } from '../train/model.js';
import type { PlacementChoice } from '../train/placement.js';
import { train as trainBundle } from '../train/train.js';
import { scoreSummary } from './distribution.js';
import { INTERRUPTED, interruptible } from './interrupt.js';
import { type Progress, showProgress } from './progress.js';

export interface TrainCommandOptions {
  readonly images: string;
  readonly out: string;
  readonly seed: number;
  readonly minutes?: number;
  readonly steps?: number;
  readonly geometry: Geometry;
  readonly size?: number;
  readonly scale?: number;
  readonly threads?: number;
  readonly method: TrainMethod;
  readonly placement: PlacementChoice;
  readonly id?: string;
  readonly bundleVersion?: string;
  readonly json?: true;
}

/** @returns the exit code */
export function train({ json, bundleVersion, ...options }: TrainCommandOptions): Promise<number> {
  // What a machine reads is alone on standard output.
  const report = new TrainReport(json ? process.stderr : process.stdout);
  return interruptible(async (signal) => {
    signal.addEventListener('abort', () =>
      report.line('stopping: what has been learnt so far is measured and kept (Ctrl-C again: nothing is)'),
    );
    try {
      const manifest = await trainBundle({
        ...options,
        threads: options.threads ?? availableParallelism(),
        ...(bundleVersion === undefined ? {} : { version: bundleVersion }),
        signal,
        onEvent: (event) => report.event(event),
      });
      const { id, version, trainedOn, calibration, region } = manifest;
      report.line(
        `${id}@${version} written to ${options.out}: ${trainedOn.steps} steps in ${duration(trainedOn.seconds)}`,
      );
      if (json)
        process.stdout.write(
          `${JSON.stringify({ bundle: options.out, id, version, region, trainedOn, calibration })}\n`,
        );
      return 0;
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
      report.line(`stopped; nothing was written to ${options.out}`);
      return INTERRUPTED;
    } finally {
      report.stop();
    }
  });
}

/** A bar has so many places: progress is a share, the bar counts. */
const PLACES = 1000;

/** Turns the events of a training into lines and bars. */
export class TrainReport {
  readonly #stream: NodeJS.WritableStream;
  #progress: Progress | null = null;
  #phase: string | null = null;

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
  }

  event(event: TrainEvent): void {
    if (event.type === 'step') {
      this.#step(event);
      return;
    }
    // A phase begins, or the last one is over.
    if (event.type === 'phase' || event.type === 'calibrated') this.stop();
    this.line(describe(event));
  }

  line(text: string): void {
    if (this.#progress === null) this.#stream.write(`${text}\n`);
    else this.#progress.say(text);
  }

  /** Takes the bar away, if there is one. */
  stop(): void {
    this.#progress?.stop();
    this.#progress = null;
    this.#phase = null;
  }

  #step({ phase, step, progress, losses, secondsLeft }: Extract<TrainEvent, { type: 'step' }>): void {
    if (this.#phase !== phase) {
      this.stop();
      this.#phase = phase;
      this.#progress = showProgress({ title: ' ', total: PLACES, unit: 'percent', stream: this.#stream });
    }
    const figures = Object.entries(losses).map(([name, value]) => `${name} ${value.toPrecision(4)}`);
    this.#progress?.update(
      Math.round(progress * PLACES),
      `step ${step}, ${figures.join(', ')}, ${duration(secondsLeft)} left`,
    );
  }
}

function describe(event: Exclude<TrainEvent, { type: 'step' }>): string {
  switch (event.type) {
    case 'phase':
      return event.text;
    case 'skipped':
      return `skipped ${event.file}: ${event.reason}`;
    case 'warning':
      return [`warning: ${event.text}`, ...event.files.map((file) => `  ${file}`)].join('\n');
    case 'calibrated':
      return scoreSummary(event.scores);
  }
}

/** `48 s`, `3 min 20 s`, `1 h 5 min` */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min${whole % 60 === 0 ? '' : ` ${whole % 60} s`}`;
  return `${Math.floor(minutes / 60)} h${minutes % 60 === 0 ? '' : ` ${minutes % 60} min`}`;
}
