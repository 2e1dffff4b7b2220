import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const base = await mkdtemp(join(tmpdir(), 'sideglance-process-end-'));
after(() => rm(base, { recursive: true, force: true }));

const DATABASE = new URL('../../../src/publish/outbox/database.js', import.meta.url).href;
const GATE = new URL('../../../src/publish/outbox/transaction-gate.js', import.meta.url).href;
const LIMITS = { endWithinMs: 60_000 } as const;

/** Ends a process in the middle of a transaction of its thread. Null: it did not end. */
async function endWhileWriting(path: string): Promise<number | null> {
  const code = `
    const { Database } = await import(${JSON.stringify(DATABASE)});
    const { TransactionGate } = await import(${JSON.stringify(GATE)});
    const gate = new TransactionGate();
    const database = await Database.open({ path: ${JSON.stringify(path)}, mapBytes: 64 * 1024 * 1024 }, gate);
    const removals = Array.from({ length: 1_000_000 }, (_, at) => at + 1);
    void database.commit({ removals, records: [], state: '{}' });
    const look = () => (gate.isBusy ? process.exit(3) : setImmediate(look));
    look();
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: 'inherit' });
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMITS.endWithinMs);
  const [exitCode] = await once(child, 'exit');
  clearTimeout(timer);
  return exitCode;
}

test('a process ends when it wants to, also in the middle of a transaction of its thread', async () => {
  for (let time = 0; time < 3; time++) assert.equal(await endWhileWriting(join(base, `${time}.mdb`)), 3);
});
