import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fstatSync } from 'node:fs';
import { test } from 'node:test';
import { isJournal, withPriority } from '../../src/service/journal.js';
import { createEventLog } from '../../src/service/log.js';

test('each event carries its level as the journal reads it', () => {
  const lines: string[] = [];
  const log = createEventLog({ level: 'info' }, withPriority({ write: (line) => void lines.push(line) }), false);
  log.event('info', 'a');
  log.event('warn', 'b');
  log.event('error', 'c');
  assert.deepEqual(
    lines.map((line) => line.slice(0, 3)),
    ['<6>', '<4>', '<3>'],
  );
  for (const line of lines) assert.match(line.slice(3), /^\{"level":.*\}\n$/);
});

test('a stream is the journal only when it is the one that systemd opened', () => {
  const { dev, ino } = fstatSync(2);
  assert.equal(isJournal(2, { JOURNAL_STREAM: `${dev}:${ino}` }), true);
  assert.equal(isJournal(2, { JOURNAL_STREAM: `${dev}:${ino + 1}` }), false);
  assert.equal(isJournal(2, {}), false);
  // Inherited by a shell of the service that has sent the stream elsewhere.
  const script = `import('${new URL('../../src/service/journal.js', import.meta.url)}').then(({ isJournal }) => console.log(isJournal(2)))`;
  const { stdout } = spawnSync(process.execPath, ['-e', script], {
    env: { ...process.env, JOURNAL_STREAM: `${dev}:${ino}` },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  });
  assert.equal(stdout, 'false\n');
});
