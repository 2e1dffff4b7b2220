import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { SideglanceError } from '../../src/errors.js';

/** What a process did to a file, in the order in which the kernel was asked. */
export type FileEvent = { readonly file: string; readonly atMs: number } & (
  | {
      readonly type: 'write';
      readonly key: string;
      readonly offset: number;
      readonly bytes: Buffer;
    }
  /** The write has returned; `isSynced`: on a descriptor with O_DSYNC, so it lies on the disk. */
  | { readonly type: 'written'; readonly key: string; readonly isSynced: boolean }
  | { readonly type: 'sync'; readonly key: string }
  | { readonly type: 'synced'; readonly key: string }
);

const CALLS = 'openat,lseek,write,writev,pwrite64,pwritev,fdatasync,fsync,ftruncate,fallocate';

/**
 * Runs a program under strace(1) and writes down what it does to some files.
 * @throws SideglanceError SG_SETUP_INCOMPLETE where strace is missing or may not trace
 */
export async function traceProgram(program: readonly string[], files: readonly string[], out: string): Promise<void> {
  const paths = files.flatMap((file) => ['-P', file]);
  const options = ['-f', '-qq', '-y', '-ttt', '-xx', '-s', '1000000000', '-e', `trace=${CALLS}`, '-e', 'signal=none'];
  const child = spawn('strace', [...options, ...paths, '-o', out, ...program], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const failed = once(child, 'error').then(([error]) => Promise.reject(error));
  const [code, signal] = await Promise.race([once(child, 'close'), failed]).catch((cause) => {
    throw new SideglanceError('SG_SETUP_INCOMPLETE', 'strace is not installed: apt-get install strace', { cause });
  });
  // The program ends itself with SIGKILL, and strace with it.
  if (signal !== 'SIGKILL') throw new SideglanceError('SG_SETUP_INCOMPLETE', `strace ended (${code}): ${said}`);
}

const LINE = /^(\d+) +(\d+\.\d+) (?:<\.\.\. (\w+) resumed>|(\w+)\()/;

/** Reads what `traceProgram` has written. */
export async function* readTrace(path: string): AsyncGenerator<FileEvent> {
  const synchronous = new Set<string>();
  /** By descriptor: where the next write without an offset of its own goes; LMDB sets it and writes, in this order. */
  const positions = new Map<string, number>();
  /** By thread: the call that has not returned yet. */
  const pending = new Map<
    string,
    { readonly name: string; readonly descriptor: string; readonly file: string; readonly key: string }
  >();
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const found = LINE.exec(line);
    if (!found) continue;
    const [head, thread = '', seconds = '', resumed, begun] = found;
    const atMs = Number(seconds) * 1000;
    const isReturned = resumed !== undefined || !line.endsWith('<unfinished ...>');
    if (begun !== undefined) {
      const args = line.slice(head.length);
      if (begun === 'openat') {
        const opened = / = (\d+)<([^>]*)>$/.exec(line);
        if (opened) {
          if (args.includes('O_DSYNC')) synchronous.add(opened[1] as string);
          else synchronous.delete(opened[1] as string);
        }
        continue;
      }
      const [, descriptor = '', name = ''] = /^(\d+)<([^>]*)>/.exec(args) ?? [];
      const call = { name: begun, descriptor, file: unescaped(name).toString(), key: String(++count) };
      pending.set(thread, call);
      const { file, key } = call;
      if (begun === 'lseek') {
        positions.set(descriptor, Number(/, (\d+), SEEK_SET/.exec(args)?.[1]));
      } else if (begun.includes('sync')) {
        yield { type: 'sync', file, key, atMs };
      } else if (begun.includes('write')) {
        const bytes = bytesOf(args);
        const offset = begun.startsWith('p') ? offsetOf(args) : (positions.get(descriptor) ?? 0);
        positions.set(descriptor, offset + bytes.byteLength);
        yield { type: 'write', file, key, atMs, offset, bytes };
      } else {
        throw new Error(`the trace has a ${begun}, which is not understood`);
      }
    }
    if (!isReturned) continue;
    const call = pending.get(thread);
    pending.delete(thread);
    if (!call || !/ = \d+$/.test(line)) continue;
    const { file, key } = call;
    if (call.name.includes('sync')) yield { type: 'synced', file, key, atMs };
    else if (call.name.includes('write')) {
      yield { type: 'written', file, key, atMs, isSynced: synchronous.has(call.descriptor) };
    }
  }
}

/** Of one buffer or several. */
function bytesOf(args: string): Buffer {
  return Buffer.concat(Array.from(args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g), ([, text]) => unescaped(text ?? '')));
}

/** The last argument. */
function offsetOf(args: string): number {
  return Number(/, (\d+)(?:\) += -?\d+| <unfinished \.\.\.>)/.exec(args.slice(-80))?.[1]);
}

/** strace writes every byte as `\xNN`. */
function unescaped(text: string): Buffer {
  return Buffer.from(text.replaceAll('\\x', ''), 'hex');
}
