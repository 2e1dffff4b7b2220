import { AsyncLocalStorage } from 'node:async_hooks';
import { Worker } from 'node:worker_threads';
import { addressOf } from './pointer.js';

/** A native function by its address, with koffi's names of types. */
export interface AddressedFunction {
  readonly address: bigint;
  readonly result: string;
  readonly args: readonly string[];
}

/** A native call. */
export interface BackgroundCall {
  readonly to: AddressedFunction;
  readonly args: readonly unknown[];
}

/** The SHA-256 of all parts together. */
export interface BackgroundDigest {
  readonly parts: readonly (string | { readonly address: bigint; readonly bytes: number })[];
}

/** What a thread is told. */
export type BackgroundTask = { readonly id: number } & (BackgroundCall | BackgroundDigest);

/** What it answers: `args` as the function has left them. */
export type BackgroundAnswer = { readonly id: number } & (
  | { readonly result: unknown; readonly args: readonly unknown[] }
  | { readonly error: string }
);

interface Pending {
  /** The thread works in memory that only they point to. */
  readonly args: readonly unknown[];
  readonly done: (result: unknown) => void;
  readonly failed: (reason: Error) => void;
}

const ENDED = 'the background thread has ended';

/** A thread of a low priority that does one thing after the other. */
export class BackgroundThread {
  readonly #worker = new Worker(new URL('./background-worker.js', import.meta.url), { name: 'background' });
  readonly #pending = new Map<number, Pending>();
  readonly #before: () => Promise<void>;
  #calls = 0;
  #isOpen = true;

  /** @param before settles when a call may begin */
  constructor(before: () => Promise<void>) {
    this.#before = before;
    this.#worker.on('message', (answer: BackgroundAnswer) => this.#settle(answer));
    this.#worker.on('error', (reason) => this.#fail(reason as Error));
    this.#worker.on('exit', () => this.#fail(new Error(ENDED)));
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Settles when something may begin. */
  moment(): Promise<void> {
    return this.#before();
  }

  /** The function reads and writes the caller's memory in place; arrays for its out parameters are filled in. */
  async call(to: AddressedFunction, args: readonly unknown[]): Promise<unknown> {
    await this.#before();
    return this.#tell({ to, args: args.map(byAddress) }, args);
  }

  /** The SHA-256 of all parts together, which are not copied. Begins at once: it touches nothing that parts wait for. */
  async digest(parts: readonly (Uint8Array | string)[]): Promise<Uint8Array> {
    const told = parts.map((part) =>
      typeof part === 'string' ? part : { address: addressOf(part), bytes: part.byteLength },
    );
    return (await this.#tell({ parts: told }, parts)) as Uint8Array;
  }

  /** To be called when every call has been answered. */
  async close(): Promise<void> {
    this.#isOpen = false;
    await this.#worker.terminate();
  }

  #tell(task: BackgroundCall | BackgroundDigest, args: readonly unknown[]): Promise<unknown> {
    if (!this.#isOpen) throw new Error(ENDED);
    const id = this.#calls++;
    return new Promise((done, failed) => {
      this.#pending.set(id, { args, done, failed });
      this.#worker.postMessage({ id, ...task } satisfies BackgroundTask);
    });
  }

  #settle(answer: BackgroundAnswer): void {
    const pending = this.#pending.get(answer.id) as Pending;
    this.#pending.delete(answer.id);
    if ('error' in answer) {
      pending.failed(new Error(answer.error));
      return;
    }
    for (const [index, given] of pending.args.entries()) {
      if (Array.isArray(given)) given.splice(0, given.length, ...(answer.args[index] as unknown[]));
    }
    pending.done(answer.result);
  }

  #fail(reason: Error): void {
    this.#isOpen = false;
    for (const { failed } of this.#pending.values()) failed(reason);
    this.#pending.clear();
  }
}

const threads = new AsyncLocalStorage<BackgroundThread>();
let users = 0;

/** The thread for what is to be done off the JS thread here and now; undefined: those of libuv's pool. */
export function backgroundThread(): BackgroundThread | undefined {
  const thread = threads.getStore();
  return thread?.isOpen ? thread : undefined;
}

/**
 * Native calls that `work` makes off the JS thread are for the time when nothing else wants the processor.
 * @param before settles when one may begin
 */
export async function inBackground<T>(
  work: () => Promise<T>,
  before: () => Promise<void> = () => Promise.resolve(),
): Promise<T> {
  const thread = new BackgroundThread(before);
  users++;
  try {
    return await threads.run(thread, work);
  } finally {
    // Every promise of the process takes twice as long while Node.js 20 follows them.
    if (--users === 0) threads.disable();
    await thread.close();
  }
}

/** Settles when {@link inBackground} may hold up the event loop for some milliseconds: elsewhere at once. */
export async function spareMoment(): Promise<void> {
  await backgroundThread()?.moment();
}

/** Of {@link inBackground}, what is to have an ordinary priority all the same: threads that it makes keep it. */
export function inForeground<T>(work: () => T): T {
  return threads.exit(work);
}

/** A message would carry a copy of it. */
function byAddress(arg: unknown): unknown {
  return ArrayBuffer.isView(arg) ? addressOf(arg) : arg;
}
