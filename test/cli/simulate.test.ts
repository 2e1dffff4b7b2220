import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { sideglance } from './command.js';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sideglance-simulate-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('simulate', () => {
  it('writes a data set, says so, and keeps its hands off what is there already', async () => {
    const out = join(folder, 'parts');
    const counts = ['--good', '3', '--test-good', '2', '--defective', '2', '--size', '128'];
    const written = await sideglance(['simulate', '--out', out, ...counts]);
    assert.deepEqual([written.code, written.stdout.split('\n').length], [0, 2], written.stderr);
    assert.match(written.stderr, /rendering 7\/7/);
    assert.equal(readdirSync(join(out, 'train', 'good')).length, 3);
    const again = await sideglance(['simulate', '--out', out, ...counts]);
    assert.equal(again.code, 2);
    assert.match(again.stderr, /^error: .* is not empty: .*\(SG_USAGE\)$/m);
  });

  it('gives the same parts for the same seed', async () => {
    const picture = async (name: string, seed: string) => {
      const out = join(folder, name);
      const args = ['--good', '1', '--test-good', '0', '--defective', '0', '--size', '128', '--seed', seed];
      assert.equal((await sideglance(['simulate', '--out', out, ...args])).code, 0);
      return readFileSync(join(out, 'train', 'good', '000.png')).toString('base64');
    };
    const first = await picture('a', '5');
    assert.equal(await picture('b', '5'), first);
    assert.notEqual(await picture('c', '6'), first);
  });

  it('refuses numbers that are none', async () => {
    for (const size of ['64', '1e3', 'big', '-1', '']) {
      const { code, stderr } = await sideglance(['simulate', '--out', join(folder, 'none'), '--size', size]);
      assert.equal(code, 2);
      assert.match(stderr, /^error: option '--size <pixels>' argument .* whole number from 128 to 4096/);
    }
    assert.equal(existsSync(join(folder, 'none')), false);
  });
});
