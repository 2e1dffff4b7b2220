import type { EngineWatch } from '../infer/tensorrt/engine-cache.js';
import type { EngineBuild, StationMessage } from '../types.js';

export const BUILD_REPORT_LIMITS = {
  everyMs: 2_000,
} as const;

export interface BuildReporterOptions {
  /** `<id>@<version>` */
  readonly model: string;
  readonly precision: string;
  readonly send: (message: StationMessage) => void;
  readonly warn: (text: string) => void;
}

/** Tells the agent that an engine is built, from the first moment until it is stopped. */
export class BuildReporter {
  readonly watch: EngineWatch;
  readonly #options: BuildReporterOptions;
  #phase: EngineBuild['phase'] = 'waiting';
  #sinceMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BuildReporterOptions) {
    this.#options = options;
    this.watch = {
      onWaiting: () => this.#enter('waiting'),
      onBuilding: () => this.#enter('building'),
      onSlowLoad: () => this.#enter('building'),
      onWarning: options.warn,
    };
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #enter(phase: EngineBuild['phase']): void {
    this.stop();
    this.#phase = phase;
    this.#sinceMs = performance.now();
    this.#report();
    this.#timer = setInterval(() => this.#report(), BUILD_REPORT_LIMITS.everyMs);
  }

  #report(): void {
    const { model, precision, send } = this.#options;
    const elapsedS = Math.round((performance.now() - this.#sinceMs) / 1000);
    send({ type: 'building', model, build: { provider: 'tensorrt', precision, phase: this.#phase, elapsedS } });
  }
}
