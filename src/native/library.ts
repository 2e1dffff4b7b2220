import koffi from 'koffi';
import { reasonOf, SideglanceError } from '../errors.js';
import { type AddressedFunction, backgroundThread } from './background.js';
import type { Pointer } from './pointer.js';

/**
 * Native code has the stack that a thread of the system would give it, and not koffi's 128 KiB: with those, cuDNN and the
 * builder of TensorRT write beyond it, and the process ends. Pages that nobody writes to take no memory.
 */
const STACK_BYTES = 8 * 1024 * 1024;
koffi.config({ sync_stack_size: STACK_BYTES, async_stack_size: STACK_BYTES });

/** A shared library: where it may lie, and what to do when it lies nowhere. */
export interface LibrarySource {
  /** As people call it, e.g. `GStreamer core`. */
  readonly title: string;
  /** File names for the dynamic loader's own search, or absolute paths; the first one that loads is used. */
  readonly candidates: readonly string[];
  /** The package that brings it, e.g. `libgstreamer1.0-0`. */
  readonly packageName: string;
  /** What the reader should do, e.g. `apt-get install libgstreamer1.0-0`. */
  readonly fix: string;
}

/** A native function. The plain call runs on the JS thread: only for what returns at once. */
export interface NativeFunction<Args extends unknown[], Result> {
  (...args: Args): Result;
  /**
   * Runs the call on a thread of libuv's pool and keeps the arguments alive until it returns. It occupies that thread
   * for as long: a process has 4 of them unless UV_THREADPOOL_SIZE says otherwise at its start. A function that was given by
   * its address runs on the thread of `inBackground` there.
   */
  offThread(...args: Args): Promise<Result>;
}

interface RawFunction {
  (...args: unknown[]): unknown;
  async(...args: unknown[]): void;
}

export class NativeLibrary {
  readonly title: string;
  /** The candidate that was loaded. */
  readonly path: string;
  readonly #handle: ReturnType<typeof koffi.load>;
  readonly #fix: string;

  constructor(source: LibrarySource, path: string, handle: ReturnType<typeof koffi.load>) {
    this.title = source.title;
    this.path = path;
    this.#handle = handle;
    this.#fix = source.fix;
  }

  /**
   * Declares a function by its C prototype, e.g. `int gst_element_set_state(void *element, int state)`. The symbol is
   * looked up at the first call, so that a function which only newer versions have costs nobody else anything.
   * @throws SideglanceError SG_NATIVE_LIBRARY at the first call when the library has no such function
   */
  declare<Args extends unknown[], Result>(prototype: string): NativeFunction<Args, Result> {
    let raw: RawFunction | undefined;
    return wrap(() => {
      raw ??= this.#find(prototype);
      return raw;
    });
  }

  /** Whether the library has a symbol of this name. */
  offers(symbol: string): boolean {
    try {
      this.#handle.symbol(symbol);
      return true;
    } catch {
      return false;
    }
  }

  #find(prototype: string): RawFunction {
    try {
      return this.#handle.func(prototype);
    } catch (cause) {
      throw new SideglanceError(
        'SG_NATIVE_LIBRARY',
        `${this.title} (${this.path}) does not offer \`${prototype}\`: ${reasonOf(cause)}. ` +
          `It is probably too old. To update it: ${this.#fix}`,
        { cause },
      );
    }
  }
}

/**
 * Loads a shared library from the first candidate that loads.
 * @throws SideglanceError SG_NATIVE_LIBRARY naming the library, what was tried, the package and the fix
 */
export function loadLibrary(source: LibrarySource): NativeLibrary {
  const failures: string[] = [];
  let cause: unknown;
  for (const candidate of source.candidates) {
    try {
      return new NativeLibrary(source, candidate, koffi.load(candidate));
    } catch (thrown) {
      cause = thrown;
      failures.push(`${candidate}: ${loaderText(thrown)}`);
    }
  }
  throw new SideglanceError(
    'SG_NATIVE_LIBRARY',
    `${source.title} cannot be loaded (${failures.join('; ')}). It comes with ${source.packageName}: ${source.fix}`,
    { cause },
  );
}

/**
 * Makes a native function out of its address, for libraries that hand out tables of function pointers.
 * `result` and `args` are koffi type names, e.g. `'void *'`, `['void *', 'int']`.
 */
export function functionAt<Args extends unknown[], Result>(
  address: Pointer<string>,
  result: string,
  args: readonly string[],
): NativeFunction<Args, Result> {
  const raw = koffi.decode(address, koffi.proto(result, [...args])) as RawFunction;
  return wrap(() => raw, { address, result, args });
}

/** Arguments of calls under way: a buffer that native code writes to must not be collected meanwhile. */
const inFlight = new Set<readonly unknown[]>();

function wrap<Args extends unknown[], Result>(
  resolve: () => RawFunction,
  addressed?: AddressedFunction,
): NativeFunction<Args, Result> {
  const call = (...args: Args): Result => resolve()(...args) as Result;
  const offThread = (...args: Args): Promise<Result> => {
    const thread = addressed && backgroundThread();
    return thread ? (thread.call(addressed, args) as Promise<Result>) : inPool(args);
  };
  const inPool = (args: Args): Promise<Result> =>
    new Promise((done, failed) => {
      const raw = resolve();
      inFlight.add(args);
      raw.async(...args, (error: unknown, result: unknown) => {
        inFlight.delete(args);
        if (error) failed(error);
        else done(result as Result);
      });
    });
  return Object.assign(call, { offThread });
}

/** The dynamic loader's text without the file name that koffi and dlopen both put in front. */
function loaderText(thrown: unknown): string {
  return reasonOf(thrown).replace(/^Failed to load shared library: /, '');
}
