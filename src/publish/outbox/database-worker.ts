import { parentPort, workerData } from 'node:worker_threads';
import { open, type RootDatabase } from 'lmdb';
import { reasonOf } from '../../errors.js';
import { databaseOptions, STATE_KEY } from './database-file.js';
import { TransactionGate } from './transaction-gate.js';

export interface WorkerData {
  readonly path: string;
  /** Addresses set aside for the file; it is never larger. */
  readonly mapBytes: number;
  /** Of the gate through which every transaction goes. */
  readonly gate: SharedArrayBuffer;
}

/** What one transaction does: first the removals. */
export interface Batch {
  readonly removals: readonly number[];
  readonly records: readonly { readonly id: number; readonly record: Uint8Array }[];
  /** JSON. */
  readonly state: string;
}

export type WorkerRequest = { readonly type: 'commit'; readonly batch: Batch } | { readonly type: 'close' };

export interface WorkerAnswer {
  readonly error: string | null;
  /** How long it took. */
  readonly ms: number;
  /** Since the start, in whole pages. */
  readonly bytesWritten: number;
}

/** A commit writes one of the two pages that say which tree is the newest, beside those that LMDB counts. */
const POINTER_PAGES = 1;

if (!parentPort) throw new Error('this is the thread of the database');
const port = parentPort;

function answer(error: string | null, ms = 0, bytesWritten = 0): void {
  port.postMessage({ error, ms, bytesWritten } satisfies WorkerAnswer);
}

/** @param stay throws when the transaction should be given up */
function commit(
  database: RootDatabase<Uint8Array, number>,
  { removals, records, state }: Batch,
  stay: () => void,
): void {
  database.transactionSync(() => {
    for (const id of removals) {
      stay();
      database.removeSync(id);
    }
    for (const { id, record } of records) {
      stay();
      database.putSync(id, record);
    }
    database.putSync(STATE_KEY, Buffer.from(state));
  });
}

function bytesWritten(database: RootDatabase<Uint8Array, number>): number {
  const { pagesWritten, txns, pageSize } = database.getStats() as Record<'pagesWritten' | 'txns' | 'pageSize', number>;
  return (pagesWritten + txns * POINTER_PAGES) * pageSize;
}

try {
  const { path, mapBytes, gate: shared } = workerData as WorkerData;
  const gate = new TransactionGate(shared);
  const database = open<Uint8Array, number>({ path, ...databaseOptions(mapBytes) });
  answer(null);
  port.on('message', async (request: WorkerRequest) => {
    const begunMs = performance.now();
    try {
      await gate.pass(async (stay) => {
        if (request.type === 'close') {
          await database.close();
          answer(null);
          return;
        }
        commit(database, request.batch, stay);
        answer(null, performance.now() - begunMs, bytesWritten(database));
      });
    } catch (thrown) {
      answer(reasonOf(thrown));
    }
  });
} catch (thrown) {
  answer(reasonOf(thrown));
}
