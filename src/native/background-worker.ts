/** The thread of `background.ts`. */
import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { reasonOf } from '../errors.js';
import type { AddressedFunction, BackgroundAnswer, BackgroundDigest, BackgroundTask } from './background.js';
import { C_LIBRARY } from './c-library.js';
import { functionAt, loadLibrary, type NativeFunction } from './library.js';
import { takeLowPriority } from './low-priority.js';
import { asPointer, bytesAt } from './pointer.js';

takeLowPriority();
// Without a library that it has loaded itself, koffi (3.3) has no memory for the calls of a thread.
loadLibrary(C_LIBRARY);

const functions = new Map<string, NativeFunction<unknown[], unknown>>();
parentPort?.on('message', (task: BackgroundTask) => {
  parentPort?.postMessage(answer(task));
});

function functionOf({ address, result, args }: AddressedFunction): NativeFunction<unknown[], unknown> {
  const key = [address, result, ...args].join();
  const known = functions.get(key) ?? functionAt(asPointer(address), result, args);
  functions.set(key, known);
  return known;
}

function digestOf({ parts }: BackgroundDigest): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) {
    hash.update(typeof part === 'string' ? part : bytesAt(part.address, part.bytes));
  }
  return hash.digest();
}

function answer(task: BackgroundTask): BackgroundAnswer {
  const { id } = task;
  try {
    if ('parts' in task) return { id, result: digestOf(task), args: [] };
    return { id, result: functionOf(task.to)(...task.args), args: task.args };
  } catch (thrown) {
    return { id, error: reasonOf(thrown) };
  }
}
