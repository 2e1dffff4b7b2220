/** The thread of `background.ts`. */
import { parentPort } from 'node:worker_threads';
import { reasonOf } from '../errors.js';
import type { AddressedFunction, BackgroundAnswer, BackgroundCall } from './background.js';
import { C_LIBRARY } from './c-library.js';
import { functionAt, loadLibrary, type NativeFunction } from './library.js';
import { takeLowPriority } from './low-priority.js';
import { asPointer } from './pointer.js';

takeLowPriority();
// Without a library that it has loaded itself, koffi (3.3) has no memory for the calls of a thread.
loadLibrary(C_LIBRARY);

const functions = new Map<string, NativeFunction<unknown[], unknown>>();
parentPort?.on('message', ({ id, to, args }: BackgroundCall) => {
  parentPort?.postMessage(answer(id, to, args));
});

function functionOf({ address, result, args }: AddressedFunction): NativeFunction<unknown[], unknown> {
  const key = [address, result, ...args].join();
  const known = functions.get(key) ?? functionAt(asPointer(address), result, args);
  functions.set(key, known);
  return known;
}

function answer(id: number, to: AddressedFunction, args: readonly unknown[]): BackgroundAnswer {
  try {
    return { id, result: functionOf(to)(...args), args };
  } catch (thrown) {
    return { id, error: reasonOf(thrown) };
  }
}
