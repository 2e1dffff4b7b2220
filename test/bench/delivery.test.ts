import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { delivery, PARTS } from '../../bench/delivery.js';
import { withoutMosquitto } from '../publish/support/mosquitto.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sideglance-delivery-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** A hundredth of a part, as it stands in the results. */
async function measured(name: string) {
  const out = join(folder, 'results', `${name}.json`);
  const said: string[] = [];
  const code = await delivery(['--percent', '1', '--only', name, '--out', out], (text) => said.push(text));
  const { parts } = JSON.parse(await readFile(out, 'utf8'));
  assert.equal(parts[name].bar, PARTS[name]?.bar);
  return { code, said: said.join('\n'), ...parts[name] };
}

for (const name of ['outages', 'outages-strict']) {
  test(`nothing is lost, out of order or taken for something else through ${name}`, {
    skip: withoutMosquitto,
  }, async () => {
    const { code, said, verdicts, lost, outOfOrder, unrecognised, outages } = await measured(name);
    assert.deepEqual({ lost, outOfOrder, unrecognised }, { lost: 0, outOfOrder: 0, unrecognised: 0 }, said);
    assert.equal(verdicts, 1_000);
    assert.ok(Object.keys(outages).length >= 3, said);
    assert.equal(code, 0);
  });
}

for (const name of ['kills', 'kills-every']) {
  test(`what was kept outlives ${name}`, { skip: withoutMosquitto }, async () => {
    const { code, said, kept, lost, confusions, alarms } = await measured(name);
    assert.ok(kept > 0, said);
    assert.deepEqual({ lost, confusions, alarms }, { lost: 0, confusions: 0, alarms: [] });
    assert.equal(code, 0);
  });
}

const withoutStrace = spawnSync('strace', ['-V']).status === 0 ? false : 'strace is not installed';
for (const name of ['power-cuts', 'power-cuts-every']) {
  test(`the store opens as what it was after ${name}`, { skip: withoutStrace }, async () => {
    const { said, stored, damaged, inconsistent, repeated } = await measured(name);
    assert.ok(stored > 0, said);
    // How much is lost depends on how long a sync takes here.
    assert.deepEqual({ damaged, inconsistent, repeated }, { damaged: 0, inconsistent: 0, repeated: 0 });
  });
}

test('a broker that is there spares the disk, and one that is away does not', { skip: withoutMosquitto }, async () => {
  const { wear, deliveredPerSecond, drainedPerSecond } = await measured('throughput');
  assert.ok(deliveredPerSecond > 0 && drainedPerSecond > 0);
  assert.ok(wear.online.bytesPerMessage < wear.offline.bytesPerMessage, JSON.stringify(wear));
});

test('fuzzed commands neither crash nor fill the memory, and nothing is done that no valid command asked for', {
  skip: withoutMosquitto,
}, async () => {
  const { code, said, messages, overBroker, done, unasked, astray, faults } = await measured('commands');
  assert.deepEqual({ unasked, astray, faults }, { unasked: 0, astray: 0, faults: 0 }, said);
  assert.equal(messages, 10_000);
  assert.ok(overBroker > 10 && done > 100, said);
  assert.equal(code, 0, said);
});
