import type { TrainEvent } from './events.js';

/** When the phases of a training end: after a number of steps, after a time for all of them, or at an abort. */
export interface TrainBudget {
  readonly steps?: number;
  readonly minutes: number;
  readonly signal?: AbortSignal;
  readonly onEvent: (event: TrainEvent) => void;
}

export interface Phase {
  /** 0…1; asked before every step, the phase ends at 1. */
  readonly progress: (step: number) => number;
  readonly onStep: (step: number, losses: Readonly<Record<string, number>>) => void;
}

/** Shares one budget among the phases of a training. Time that other work takes counts, too. */
export class Schedule {
  readonly #budget: TrainBudget;
  readonly #started = performance.now();

  constructor(budget: TrainBudget) {
    this.#budget = budget;
  }

  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  /** A phase that begins now and ends when this share of the budget is spent: 1 for the last one. */
  phase(name: 'distil' | 'context', until = 1): Phase {
    const { steps, minutes, signal, onEvent } = this.#budget;
    const begun = this.seconds;
    const seconds = Math.max(1, minutes * 60 * until - begun);
    const progress = (step: number): number => {
      if (signal?.aborted) return 1;
      return steps === undefined ? Math.min(1, (this.seconds - begun) / seconds) : step / steps;
    };
    return {
      progress,
      onStep: (step, losses) => {
        const done = Math.max(1e-3, progress(step));
        const secondsLeft = ((this.seconds - begun) * (1 - done)) / done;
        onEvent({ type: 'step', phase: name, step, progress: done, losses, secondsLeft });
      },
    };
  }
}
