import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Measure } from '../../src/benchmark/measure.js';
import { STAGES } from '../../src/benchmark/stage-times.js';
import { writeBrightnessBundle } from '../support/brightness-bundle.js';
import { sideglance } from './command.js';

let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sideglance-bench-'));
  await writeBrightnessBundle(join(folder, 'bundle'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** A configuration whose broker is one that must not be spoken to. */
function config(name: string, station: string): string {
  const text = `device: { site: s, line: l, name: n }
mqtt: { url: mqtt://127.0.0.1:9 }
stations:
  - { name: top, model: bundle, ${station} }
`;
  writeFileSync(join(folder, name), text);
  return name;
}

const LINE = 'camera: { type: simulated, width: 128, height: 128, partsPerSecond: 20 }';

describe('sideglance bench', () => {
  it('measures each stage of the configured stations, without the configured broker', async () => {
    const file = config('good.yaml', LINE);
    const { code, stdout, stderr } = await sideglance(['bench', '-c', file, '--seconds', '2', '--json'], {
      cwd: folder,
    });
    assert.equal(code, 0, stderr);
    const measured = JSON.parse(stdout) as Measure;
    assert.deepEqual(
      measured.stations.map(({ station, model, frame, regions }) => ({ station, model, frame, regions })),
      [{ station: 'top', model: 'brightness@1.0.0', frame: '128×128', regions: ['128×128'] }],
    );
    const [top] = measured.stations;
    assert.ok(top && top.parts > 1 && top.partsPerSecond > 0);
    for (const stage of STAGES) {
      const { p50, p95, p99 } = top.stages[stage];
      assert.ok(p50 <= p95 && p95 <= p99, `${stage}: ${p50}, ${p95}, ${p99}`);
    }
    assert.ok(top.stages.network.p50 > 0 && top.stages.endToEnd.p50 > top.stages.network.p50);
  });

  it('prints a table with a row for each stage, for the model that is named', async () => {
    const file = config('table.yaml', LINE.replace('model: bundle', 'model: elsewhere'));
    const { code, stdout, stderr } = await sideglance(['bench', '-c', file, '--seconds', '1', '--model', 'bundle'], {
      cwd: folder,
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^top: brightness@1\.0\.0 on cpu/);
    for (const title of ['capture', 'crop', 'network', 'post-processing', 'encode', 'publish', 'end to end']) {
      assert.match(stdout, new RegExp(`^${title} +[0-9.]+ +[0-9.]+ +[0-9.]+$`, 'm'));
    }
  });

  it('names what is wrong with the configuration or the model before anything starts', async () => {
    const missing = await sideglance(['bench', '-c', 'nowhere.yaml'], { cwd: folder });
    assert.deepEqual([missing.code, missing.stdout], [2, '']);
    assert.match(missing.stderr, /nowhere\.yaml.*\(SG_CONFIG_UNREADABLE\)/);
    const file = config('model.yaml', LINE);
    const model = await sideglance(['bench', '-c', file, '--model', 'nothing'], { cwd: folder });
    assert.deepEqual([model.code, model.stdout], [1, '']);
    assert.match(model.stderr, /nothing.*\(SG_MODEL_UNREADABLE\)/);
    const seconds = await sideglance(['bench', '-c', file, '--seconds', '0'], { cwd: folder });
    assert.equal(seconds.code, 2);
    assert.match(seconds.stderr, /--seconds.*above 0/);
  });

  it('says of a station that gives no verdicts what its process says', async () => {
    const outside = config('outside.yaml', `${LINE}, regions: [{ name: far, x: 500, y: 0, width: 64, height: 64 }]`);
    const { code, stdout, stderr } = await sideglance(['bench', '-c', outside, '--seconds', '1'], { cwd: folder });
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /SG_NOT_MEASURED/);
    assert.match(stderr, /^top: the station is failed: .*region "far".*does not lie inside the frame/m);
  });
});
