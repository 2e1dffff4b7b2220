import pino from 'pino';
import type { LogConfig } from '../config/schema.js';
import { type EventName, moduleOf } from './events.js';
import type { Redaction } from './redaction.js';
import { REPEAT_LIMITS, Repeats } from './repeats.js';

/** Takes a line of text, with its end; never waits. */
export interface Line {
  write(text: string): void;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
type Fields = Readonly<Record<string, unknown>>;

export interface EventLogOptions {
  readonly config: LogConfig;
  readonly output: Line;
  readonly redaction: Redaction;
  /** Somebody reads the lines about parts on a terminal: only warnings and worse are logged beside them. */
  readonly interactive: boolean;
}

/**
 * Writes events, one JSON object a line: `{"level":"warn","time":"…","event":"station.ended","station":"…",…}`.
 * What goes out is free of secrets, and what repeats is counted instead.
 */
export class EventLog {
  readonly #logger: pino.Logger;
  readonly #redaction: Redaction;
  readonly #interactive: boolean;
  readonly #repeats = new Repeats<string>((key, count) => this.#tellLeftOut(key, count));
  readonly #timer: NodeJS.Timeout;
  #config: LogConfig;

  constructor({ config, output, redaction, interactive }: EventLogOptions) {
    this.#config = config;
    this.#redaction = redaction;
    this.#interactive = interactive;
    this.#logger = pino(
      {
        level: 'trace',
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      output,
    );
    this.#timer = setInterval(() => this.#repeats.flush(), REPEAT_LIMITS.windowMs);
    this.#timer.unref();
  }

  /** Whether an event of this name and level is written: worth asking before its fields are made. */
  isOn(level: LogLevel, name: EventName): boolean {
    const { level: general, modules } = this.#config;
    const beside = this.#interactive && general === 'info' ? 'warn' : general;
    const least = modules[moduleOf(name)] ?? beside;
    return (pino.levels.values[level] as number) >= (pino.levels.values[least] as number);
  }

  event(level: LogLevel, name: EventName, fields: Fields = {}): void {
    if (!this.isOn(level, name)) return;
    // What somebody asked to see in detail is shown in full.
    if (level !== 'debug' && !this.#repeats.isLet(keyOf(level, name, fields))) return;
    this.#write(level, name, fields);
  }

  /** Levels that hold from now on. */
  setLevels(config: LogConfig): void {
    this.#config = config;
    this.event('info', 'log.levels', { level: config.level, modules: config.modules });
  }

  /** Tells what was left out until now. */
  close(): void {
    clearInterval(this.#timer);
    this.#repeats.flush(true);
  }

  #write(level: LogLevel, event: EventName, fields: Fields): void {
    this.#logger[level]({ event, ...this.#redaction.fields(fields) });
  }

  #tellLeftOut(key: string, count: number): void {
    const [level, of, station, code] = JSON.parse(key) as [LogLevel, EventName, unknown, unknown];
    const known = { ...(station === null ? {} : { station }), ...(code === null ? {} : { code }) };
    this.#write(level, 'log.repeated', { of, ...known, leftOut: count });
  }
}

/** What counts as the same again: the event, where it happened, and the code of its error. */
function keyOf(level: LogLevel, name: EventName, { station = null, code = null }: Fields): string {
  return JSON.stringify([level, name, station, code]);
}
