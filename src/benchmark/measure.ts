import type { Config } from '../config/schema.js';
import { SideglanceError } from '../errors.js';
import { MeasuredDaemon } from './measured-daemon.js';
import { type Measured, Watch } from './watch.js';

export const MEASURE_LIMITS = {
  /** Parts of each station that are not counted: caches, compilers and the runtime's memory warm up. Two do after a time. */
  warmUpParts: 10,
  warmUpEnoughMs: 5_000,
  /** From the start to the last station's first verdict, and from there to the end of the warm-up. */
  firstVerdictWithinMs: 90_000,
  warmWithinMs: 120_000,
  moreWithinMs: 120_000,
  lookEveryMs: 50,
} as const;

export interface Measure extends Measured {
  readonly seconds: number;
  /** Of one run of a station's network. */
  readonly threadsEach: number;
}

export interface MeasureOptions {
  /** At least; longer, within `moreWithinMs`, where a station is slow to show two parts. */
  readonly seconds: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (text: string) => void;
  /** Called when the warm-up is over, with the process id of the daemon. */
  readonly onCounting?: (pid: number) => void;
  /** Environment of the daemon, beside that of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs the daemon with a configuration and measures every stage of every part, as its messages tell. It publishes to a broker
 * of its own.
 *
 * @throws SideglanceError `SG_NOT_MEASURED` when a station gives no verdicts, with what its camera and its process say; otherwise as
 * `MeasuredDaemon.start`
 */
export async function measureStations(config: Config, options: MeasureOptions): Promise<Measure> {
  const { seconds, onProgress = () => undefined } = options;
  const watch = new Watch(config);
  const daemon = await MeasuredDaemon.start(config, watch, options.env);
  const wait = (what: string, withinMs: number, isDone: () => boolean) =>
    waitFor(daemon, watch, { what, withinMs, isDone, signal: options.signal });
  try {
    onProgress('waiting for the first verdicts');
    await wait('first verdict', MEASURE_LIMITS.firstVerdictWithinMs, () => watch.every((seen) => seen.parts > 0));
    const enoughMs = performance.now() + MEASURE_LIMITS.warmUpEnoughMs;
    await wait('verdicts', MEASURE_LIMITS.warmWithinMs, () => {
      const least = performance.now() < enoughMs ? MEASURE_LIMITS.warmUpParts : 2;
      return watch.every((seen) => seen.parts >= least);
    });
    onProgress(`measuring for ${seconds} s`);
    watch.count();
    options.onCounting?.(daemon.pid);
    const endMs = performance.now() + 1000 * seconds;
    await wait('more verdicts', 1000 * seconds + MEASURE_LIMITS.moreWithinMs, () => {
      return performance.now() >= endMs && watch.every(({ tally }) => tally.inspected >= 2);
    });
    return { seconds, threadsEach: config.infer.threads, ...watch.measured() };
  } finally {
    await daemon.stop();
  }
}

async function waitFor(
  daemon: MeasuredDaemon,
  watch: Watch,
  options: {
    readonly what: string;
    readonly withinMs: number;
    readonly isDone: () => boolean;
    readonly signal: AbortSignal | undefined;
  },
): Promise<void> {
  const { what, withinMs, isDone, signal } = options;
  const giveUpMs = performance.now() + withinMs;
  while (!isDone()) {
    signal?.throwIfAborted();
    const late = performance.now() > giveUpMs;
    if (late || watch.hopeless || !daemon.running) {
      const reasons = watch.complaints(({ tally }) => tally.inspected >= 2);
      if (!daemon.running) reasons.push(`the daemon has ended: ${daemon.lastErrors || 'no reason given'}`);
      throw new SideglanceError(
        'SG_NOT_MEASURED',
        `no ${what}${late ? ` within ${withinMs / 1000} s` : ''}; \`sideglance doctor\` says what is missing:\n${reasons.join('\n')}`,
      );
    }
    await new Promise((done) => setTimeout(done, MEASURE_LIMITS.lookEveryMs));
  }
}
