import { Presets, SingleBar } from 'cli-progress';

export const PROGRESS_LIMITS = {
  /** Where there is no terminal, a line at most so often. */
  lineEveryMs: 5_000,
} as const;

/** Shows how far long work has come: a bar on a terminal, else a plain line now and then. On the error stream. */
export interface Progress {
  /** @param note stands behind the numbers, e.g. the time left */
  update(done: number, note?: string): void;
  /** Prints a line above the bar. */
  say(line: string): void;
  /** Takes the bar away. Safe to call twice. */
  stop(): void;
}

export interface ProgressOptions {
  /** What is being done, e.g. `evaluating`. */
  readonly title: string;
  readonly total: number;
  /** `percent`: the count itself means nothing. Default: `count`. */
  readonly unit?: 'count' | 'percent';
  /** Default: standard error. */
  readonly stream?: NodeJS.WritableStream;
  readonly now?: () => number;
}

export function showProgress(options: ProgressOptions): Progress {
  const stream = options.stream ?? process.stderr;
  return 'isTTY' in stream && stream.isTTY ? barProgress(options, stream) : lineProgress(options, stream);
}

function barProgress({ title, total, unit }: ProgressOptions, stream: NodeJS.WritableStream): Progress {
  const bar = new SingleBar(
    {
      stream,
      format: `${title} {bar} ${unit === 'percent' ? '{percentage} %' : '{value}/{total}'} {note}`,
      hideCursor: true,
      clearOnComplete: true,
      stopOnComplete: false,
      barsize: 30,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0, { note: '' });
  let running = true;
  return {
    update: (done, note = '') => bar.update(done, { note }),
    say(line) {
      // The bar draws itself again below the line.
      stream.write(`\r\u001b[K${line}\n`);
      bar.updateETA();
    },
    stop() {
      if (running) bar.stop();
      running = false;
    },
  };
}

function lineProgress(
  { title, total, unit, now = Date.now }: ProgressOptions,
  stream: NodeJS.WritableStream,
): Progress {
  let printedAt = now();
  return {
    update(done, note = '') {
      if (done < total && now() - printedAt < PROGRESS_LIMITS.lineEveryMs) return;
      printedAt = now();
      const figure = unit === 'percent' ? `${Math.round((100 * done) / total)} %` : `${done}/${total}`;
      stream.write(`${[title, figure, note].join(' ').trim()}\n`);
    },
    say: (line) => void stream.write(`${line}\n`),
    stop() {},
  };
}
