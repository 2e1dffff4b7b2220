import pino from 'pino';
import type { LogConfig } from '../config/schema.js';

/** Takes a line of text, with its end; never waits. */
export interface Line {
  write(text: string): void;
}

export type LogLevel = 'info' | 'warn' | 'error';

/** Writes events: a stable name that queries may rely on, and fields. Nothing secret is ever among the fields. */
export interface EventLog {
  event(level: LogLevel, name: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** A second line of defence: fields of these names are never written out, at the first two levels. */
const SECRETS = ['password', 'username', 'token', 'key'].flatMap((name) => [name, `*.${name}`]);

/**
 * One JSON object a line: `{"level":"warn","time":"…","event":"station.ended","station":"…",…}`.
 * @param interactive somebody reads the lines about parts on a terminal: only warnings and worse are logged beside them
 */
export function createEventLog(config: LogConfig, output: Line, interactive: boolean): EventLog {
  const logger = pino(
    {
      level: interactive && config.level === 'info' ? 'warn' : config.level,
      base: null,
      messageKey: 'text',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS, censor: '…' },
    },
    output,
  );
  return {
    event(level, name, fields = {}) {
      logger[level]({ event: name, ...fields });
    },
  };
}
