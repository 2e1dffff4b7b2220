const BUSY = 0;
const CLOSED = 1;
const LIMITS = {
  /** A transaction that takes longer is in the hands of the disk, and so is the end of the process. */
  waitMs: 10_000,
} as const;

/**
 * Lets the end of a process wait for a call of its thread into lmdb. lmdb holds a lock from the beginning of a transaction
 * to its end, and takes it once more when the thread is cleared away: a thread that is stopped in between would wait for
 * itself, and the process for the thread, for ever. Stopped within other calls, it ends the process with SIGABRT.
 */
export class TransactionGate {
  readonly #cells: Int32Array;

  /** @param shared that of the gate on the other side */
  constructor(readonly shared = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)) {
    this.#cells = new Int32Array(shared);
  }

  /**
   * Runs what calls into lmdb, in the thread.
   * @param work calls `stay` now and then in a transaction, which throws when it should leave
   * @throws Error where the process ends, and what `work` throws
   */
  async pass<Result>(work: (stay: () => void) => Result | Promise<Result>): Promise<Result> {
    const stay = () => {
      if (Atomics.load(this.#cells, CLOSED) === 1) throw new Error('the process ends');
    };
    Atomics.store(this.#cells, BUSY, 1);
    try {
      stay();
      return await work(stay);
    } finally {
      Atomics.store(this.#cells, BUSY, 0);
      Atomics.notify(this.#cells, BUSY);
    }
  }

  /** Whether the thread is in lmdb. */
  get isBusy(): boolean {
    return Atomics.load(this.#cells, BUSY) === 1;
  }

  /** Lets the thread into lmdb no more, and returns when it is out of it. */
  close(): void {
    Atomics.store(this.#cells, CLOSED, 1);
    Atomics.wait(this.#cells, BUSY, 1, LIMITS.waitMs);
  }
}
