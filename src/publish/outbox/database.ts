import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { open, type RootDatabase } from 'lmdb';
import { databaseOptions, type OutboxState, STATE_KEY } from './database-file.js';
import type { Batch, WorkerAnswer, WorkerData, WorkerRequest } from './database-worker.js';
import { TransactionGate } from './transaction-gate.js';

export type DatabaseOptions = Omit<WorkerData, 'gate'>;

export interface DatabaseCounters {
  /** Batches, the longest time one took, and what they wrote, in whole pages. */
  readonly syncs: number;
  readonly longestSyncMs: number;
  readonly bytesWritten: number;
}

/**
 * The database of the outbox: records by id, in LMDB. A batch is one transaction, and safe on the disk when `commit`
 * resolves (data synced, then the page that points to it). A thread of its own writes, since a sync takes as long as
 * the disk likes; lmdb's asynchronous writes would do that too, but print faults of the disk to the error stream and
 * do not always hand them on.
 */
export class Database {
  readonly #worker: Worker;
  readonly #reader: RootDatabase<Buffer, number>;
  readonly #atEnd: () => void;
  #answered: { resolve: (answer: WorkerAnswer) => void; reject: (error: Error) => void } | null = null;
  #failed: Error | null = null;
  #counters = { syncs: 0, longestSyncMs: 0, bytesWritten: 0 };

  private constructor(worker: Worker, gate: TransactionGate, options: DatabaseOptions) {
    this.#worker = worker;
    this.#atEnd = () => gate.close();
    process.on('exit', this.#atEnd);
    this.#reader = open<Buffer, number>({ path: options.path, ...databaseOptions(options.mapBytes), readOnly: true });
    worker.on('message', (answer: WorkerAnswer) => this.#answered?.resolve(answer));
    const fail = (error: Error) => {
      this.#failed = error;
      this.#answered?.reject(error);
    };
    worker.on('error', fail);
    worker.on('exit', () => fail(new Error('the thread that writes the database has ended')));
  }

  /**
   * Opens the database in a file, or makes it. `check` has been there before: LMDB takes a file for what it should be.
   * @throws Error where the disk refuses it
   */
  static async open(options: DatabaseOptions, gate = new TransactionGate()): Promise<Database> {
    const workerData: WorkerData = { ...options, gate: gate.shared };
    const worker = new Worker(new URL('./database-worker.js', import.meta.url), { workerData, execArgv: [] });
    const [answer] = (await once(worker, 'message')) as [WorkerAnswer];
    if (answer.error !== null) throw new Error(answer.error);
    worker.unref();
    return new Database(worker, gate, options);
  }

  get counters(): DatabaseCounters {
    return this.#counters;
  }

  /** Null: a new database. */
  state(): OutboxState | null {
    const text = this.#reader.get(STATE_KEY);
    return text === undefined ? null : (JSON.parse(text.toString()) as OutboxState);
  }

  /** Every record in the order of the ids. */
  *records(): Generator<{ readonly id: number; readonly record: Buffer }> {
    for (const { key, value } of this.#reader.getRange({ start: STATE_KEY + 1 })) yield { id: key, record: value };
  }

  read(id: number): Buffer | null {
    return this.#reader.get(id) ?? null;
  }

  /**
   * Writes a batch; one at a time.
   * @throws Error where the disk refuses it: nothing of it was written then
   */
  async commit(batch: Batch): Promise<void> {
    const { ms, bytesWritten } = await this.#ask({ type: 'commit', batch });
    // What is read from now on is what the batch has left behind.
    this.#reader.resetReadTxn();
    this.#counters = {
      syncs: this.#counters.syncs + 1,
      longestSyncMs: Math.max(this.#counters.longestSyncMs, ms),
      bytesWritten,
    };
  }

  async close(): Promise<void> {
    await this.#reader.close();
    if (!this.#failed) await this.#ask({ type: 'close' }).catch(() => {});
    await this.#worker.terminate();
    process.off('exit', this.#atEnd);
  }

  async #ask(request: WorkerRequest): Promise<WorkerAnswer> {
    if (this.#failed) throw this.#failed;
    this.#worker.ref();
    try {
      const answer = await new Promise<WorkerAnswer>((resolve, reject) => {
        this.#answered = { resolve, reject };
        this.#worker.postMessage(request);
      });
      if (answer.error !== null) throw new Error(answer.error);
      return answer;
    } finally {
      this.#answered = null;
      this.#worker.unref();
    }
  }
}
