import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AuditLog } from '../../src/commands/audit-log.js';
import { commandsConfig } from './support.js';

const LIMITS = { fileBytes: 1000, files: 3, filesRestored: 2 };

test('the log is bounded: the oldest file is written over, and the newest ones are read again in their order', () => {
  const { folder } = commandsConfig();
  const log = new AuditLog(folder, LIMITS);
  for (let i = 0; i < 100; i++) log.append({ i, filler: 'x'.repeat(80) });
  log.close();
  assert.deepEqual(readdirSync(folder).sort(), ['audit.1.jsonl', 'audit.2.jsonl', 'audit.jsonl']);
  for (const name of readdirSync(folder)) assert.ok(statSync(join(folder, name)).size <= LIMITS.fileBytes);
  const restored = [...new AuditLog(folder, LIMITS).restore()].map(({ i }) => i as number);
  assert.deepEqual(
    restored,
    Array.from({ length: restored.length }, (_, i) => 100 - restored.length + i),
  );
  assert.ok(restored.length > 10 && restored.length < 25);
});

test('a log that is opened again goes on behind what is there', () => {
  const { folder } = commandsConfig();
  for (let run = 0; run < 3; run++) {
    const log = new AuditLog(folder);
    log.append({ run });
    log.close();
  }
  assert.equal(readFileSync(join(folder, 'audit.jsonl'), 'utf8'), '{"run":0}\n{"run":1}\n{"run":2}\n');
});
