import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../src/paths.js';
import type { InspectionMessage } from '../../src/publish/messages.js';
import { closeAtTheEnd } from '../publish/support/leftovers.js';

export const EXAMPLES = join(PACKAGE_ROOT, 'examples');
/** Debian's, which sees Debian's packages; another one may come first in the PATH. */
export const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';

/** For the `skip` option of a test: false, or that Python has no such module. */
export function withoutPython(module: string): string | false {
  const { status } = spawnSync(PYTHON, ['-c', `import ${module}`], { stdio: 'ignore' });
  return status === 0 ? false : `python3 has no ${module}`;
}

/** An example that runs, and the lines that it has written. */
export class Example {
  readonly lines: string[] = [];
  readonly ended: Promise<void>;
  #told = '';
  readonly #child: ChildProcess;
  readonly #changed = new Set<() => void>();

  /** @param file in `examples/`; with an interpreter where it cannot be run by itself */
  constructor(file: string, args: readonly string[], interpreter?: string) {
    const path = join(EXAMPLES, file);
    const [program, ...rest] = interpreter === undefined ? [path] : [interpreter, path];
    // A process group of its own: a shell does not end what it has started.
    this.#child = spawn(program as string, [...rest, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    });
    let part = '';
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (part + chunk.toString()).split('\n');
      part = lines.pop() ?? '';
      this.lines.push(...lines);
      for (const look of this.#changed) look();
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#told += chunk.toString();
    });
    this.ended = once(this.#child, 'close').then(() => {
      for (const look of this.#changed) look();
    });
    closeAtTheEnd(() => this.stop());
  }

  get runs(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it has written, where that is one JSON value a line. */
  events<T>(): T[] {
    return this.lines.map((line) => JSON.parse(line) as T);
  }

  async until(what: string, isSo: () => boolean, timeoutMs = 60_000): Promise<void> {
    if (isSo()) return;
    await new Promise<void>((done, failed) => {
      const fail = (why: string) => {
        end();
        const said = [...this.lines.slice(-10), this.#told.slice(-2000)].join('\n');
        failed(new assert.AssertionError({ message: `${why} without: ${what}\n${said}` }));
      };
      const look = () => {
        if (isSo()) {
          end();
          done();
        } else if (!this.runs) fail('it ended');
      };
      const timer = setTimeout(() => fail(`${timeoutMs} ms`), timeoutMs);
      const end = () => {
        clearTimeout(timer);
        this.#changed.delete(look);
      };
      this.#changed.add(look);
    });
  }

  async stop(): Promise<void> {
    if (this.runs) process.kill(-(this.#child.pid as number), 'SIGTERM');
    await this.ended;
  }
}

/** A verdict as it was recorded for the documentation, with another number and result. */
export function recorded(seq: number, more: Partial<InspectionMessage> = {}): InspectionMessage {
  const text = readFileSync(join(PACKAGE_ROOT, 'docs/mqtt.md'), 'utf8');
  const [, json = ''] = /```json\n(\{\n {2}"schema": "sideglance\/inspection\/1".*?)```/s.exec(text) ?? [];
  const message = JSON.parse(json) as InspectionMessage;
  return { ...message, delivery: { ...message.delivery, seq }, part: { ...message.part, sequence: seq }, ...more };
}
