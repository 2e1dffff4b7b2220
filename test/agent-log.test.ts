import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { EVENTS } from '../src/service/events.js';
import { writeBrightnessBundle } from './support/brightness-bundle.js';
import { Daemon } from './support/daemon.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sideglance-log-'));
  await writeBrightnessBundle(folder);
});
after(() => rm(folder, { recursive: true, force: true }));

test('SIGUSR2 reads the levels again: parts can be followed, and no longer; a file with faults changes nothing', async () => {
  const pipeline = 'videotestsrc is-live=true pattern=blink ! video/x-raw,width=512,height=512,framerate=10/1';
  const station = { name: 'press', camera: { type: 'pipeline', pipeline }, model: folder, threshold: { score: 0.5 } };
  const daemon = await Daemon.start([{ ...station, deadlineMs: 60_000 }]);
  await daemon.until('it works', () => /press +(PASS|FAIL)/.test(daemon.lines));
  assert.equal(daemon.events('part.answered').length, 0);

  await daemon.rewrite({ log: { modules: { part: 'debug' } } });
  // As `systemctl kill` does: to every process of the service.
  process.kill(-daemon.pid, 'SIGUSR2');
  await daemon.until('parts are logged', () => daemon.events('part.answered').length >= 2);
  const [first, second] = daemon.events('part.answered');
  assert.equal(first?.station, 'press');
  assert.equal(typeof first?.epoch, 'string');
  assert.equal(second?.sequence, (first?.sequence as number) + 1);
  assert.equal(second?.seq, (first?.seq as number) + 1);
  assert.match(String(first?.verdict), /^(pass|fail)$/);

  await daemon.rewrite({ log: { modules: { party: 'debug' } } });
  daemon.process.kill('SIGUSR2');
  await daemon.until('the fault is told', () => daemon.events('log.levels-kept').length === 1);
  assert.match(String(daemon.events('log.levels-kept')[0]?.message), /log\.modules.*party/s);
  const before = daemon.events('part.answered').length;
  await daemon.until('parts are still logged', () => daemon.events('part.answered').length > before);

  await daemon.rewrite({});
  daemon.process.kill('SIGUSR2');
  await daemon.until('it is quiet again', () => daemon.events('log.levels').length === 2);
  assert.equal(daemon.events('station.ended').length, 0);
  daemon.process.kill('SIGTERM');
  assert.equal((await daemon.ended).code, 0);
  const names = daemon.log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line).event as string);
  assert.deepEqual(
    [...new Set(names)].filter((name) => !(name in EVENTS)),
    [],
  );
});
