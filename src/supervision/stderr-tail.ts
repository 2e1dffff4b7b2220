export interface StderrLimits {
  readonly maxLineBytes: number;
  /** Lines handed on in a second; more are counted and dropped ("newest is dropped"). */
  readonly maxLinesPerSecond: number;
  readonly maxKeptLines: number;
}

export const STDERR_LIMITS: StderrLimits = { maxLineBytes: 1_000, maxLinesPerSecond: 20, maxKeptLines: 20 };

/** Cuts the standard error of a child process into lines, hands on a bounded number of them, and keeps the last ones. */
export class StderrTail {
  dropped = 0;
  readonly #onLine: (line: string) => void;
  readonly #now: () => number;
  readonly #limits: StderrLimits;
  #rest = '';
  #kept: string[] = [];
  #secondStartedMs = Number.NEGATIVE_INFINITY;
  #inSecond = 0;

  constructor(onLine: (line: string) => void, now: () => number = () => performance.now(), limits = STDERR_LIMITS) {
    this.#onLine = onLine;
    this.#now = now;
    this.#limits = limits;
  }

  push(chunk: Uint8Array): void {
    const lines = (this.#rest + Buffer.from(chunk).toString('utf8')).split('\n');
    this.#rest = (lines.pop() ?? '').slice(0, this.#limits.maxLineBytes);
    for (const line of lines) this.#take(line.trimEnd().slice(0, this.#limits.maxLineBytes));
  }

  /** What a dying process said last, to be added to the reason of its end: `: Error: …`, or nothing. */
  lastWords(): string {
    const lines = this.#rest.trim() === '' ? this.#kept : [...this.#kept, this.#rest.trim()];
    const telling = lines.findLast((line) => /error|fail|assert|critical|abort/i.test(line) && !/^\s+at /.test(line));
    return telling === undefined ? '' : `: ${telling.trim()}`;
  }

  #take(line: string): void {
    if (line === '') return;
    this.#kept.push(line);
    if (this.#kept.length > this.#limits.maxKeptLines) this.#kept.shift();
    const now = this.#now();
    if (now - this.#secondStartedMs >= 1_000) {
      this.#secondStartedMs = now;
      this.#inSecond = 0;
    }
    if (this.#inSecond++ < this.#limits.maxLinesPerSecond) this.#onLine(line);
    else this.dropped++;
  }
}
