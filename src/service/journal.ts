import { fstatSync } from 'node:fs';
import type { Line } from './log.js';

/** Levels of sd-daemon(3), as the log names them. */
const PRIORITIES: Readonly<Record<string, number>> = { fatal: 2, error: 3, warn: 4, info: 6, debug: 7, trace: 7 };

/**
 * Whether what is written to this descriptor goes to systemd's journal.
 *
 * Source: systemd.exec(5), JOURNAL_STREAM: device and inode of the stream.
 */
export function isJournal(fd: number, env: NodeJS.ProcessEnv = process.env): boolean {
  const { dev, ino } = fstatSync(fd);
  return env.JOURNAL_STREAM === `${dev}:${ino}`;
}

/** Puts the level before each line of the log as the journal reads it, so that `journalctl -p warning` finds it. */
export function withPriority(output: Line): Line {
  return {
    write(line) {
      const level = /^\{"level":"(\w+)"/.exec(line)?.[1] ?? 'info';
      output.write(`<${PRIORITIES[level] ?? 6}>${line}`);
    },
  };
}
