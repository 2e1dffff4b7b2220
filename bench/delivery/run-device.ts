import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { DeviceOptions, DeviceReport } from './device.js';

const PROGRAM = fileURLToPath(new URL('./device.js', import.meta.url));
const LIMITS = { stopWithinMs: 60_000 } as const;

/** A device in a process of its own. */
export interface Device {
  readonly process: ChildProcess;
  /** The newest report; null before the first. */
  readonly report: DeviceReport | null;
  /** Resolves when the process has ended and everything that it said was read. */
  readonly ended: Promise<void>;
  /** @throws Error where it has not come to that within the time, or the device ends before */
  until(what: string, isSo: (report: DeviceReport) => boolean, withinMs: number): Promise<void>;
  /** @throws Error where it does not end by itself */
  stop(): Promise<void>;
}

/** @param prefix a command that runs another one, such as `ip netns exec NAME` */
export function startDevice(options: DeviceOptions, prefix: readonly string[] = []): Device {
  const [command = process.execPath, ...args] = [...prefix, process.execPath, PROGRAM, JSON.stringify(options)];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let report: DeviceReport | null = null;
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    // A process that is killed may leave half a line.
    if (line.endsWith('}')) report = JSON.parse(line) as DeviceReport;
  });
  const ended = Promise.all([once(child, 'close'), once(lines, 'close')]).then(() => {});
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  return {
    process: child,
    get report() {
      return report;
    },
    ended,
    async until(what, isSo, withinMs) {
      const giveUpAt = performance.now() + withinMs;
      while (report === null || !isSo(report)) {
        if (hasEnded) throw new Error(`the device has ended before this was so: ${what}`);
        if (performance.now() > giveUpAt) throw new Error(`${withinMs} ms without: ${what}; ${JSON.stringify(report)}`);
        await new Promise((done) => setTimeout(done, 2));
      }
    },
    async stop() {
      child.kill('SIGTERM');
      let isHanging = false;
      const timer = setTimeout(() => {
        isHanging = true;
        child.kill('SIGKILL');
      }, LIMITS.stopWithinMs);
      await ended;
      clearTimeout(timer);
      if (isHanging) throw new Error(`the device has not ended within ${LIMITS.stopWithinMs} ms`);
    },
  };
}
