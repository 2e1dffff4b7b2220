import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fstatSync } from 'node:fs';
import { test } from 'node:test';
import { isJournal, withPriority } from '../../src/service/journal.js';
import { EventLog } from '../../src/service/log.js';
import { Redaction } from '../../src/service/redaction.js';

test('each event carries its level as the journal reads it', () => {
  const lines: string[] = [];
  const log = new EventLog({
    config: { level: 'info', modules: {} },
    output: withPriority({ write: (line) => void lines.push(line) }),
    redaction: new Redaction([]),
    interactive: false,
  });
  log.event('info', 'agent.started');
  log.event('warn', 'part.late');
  log.event('error', 'http.fault');
  assert.deepEqual(
    lines.map((line) => line.slice(0, 3)),
    ['<6>', '<4>', '<3>'],
  );
  log.close();
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
