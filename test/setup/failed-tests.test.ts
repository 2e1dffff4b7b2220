import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PACKAGE_ROOT } from '../../src/paths.js';

const TESTS = `
  import { test } from 'node:test';
  test('well', () => undefined);
  test('outer', (t) => t.test('inner', () => { throw new Error('the inner reason'); }));
  test('to be done', { todo: true }, () => { throw new Error('not yet'); });
`;

test('tests that failed are told with file and reason, those that only contain one or are to be done are not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-failed-tests-'));
  try {
    const file = join(folder, 'some.test.mjs');
    await writeFile(file, TESTS);
    const reporter = join(PACKAGE_ROOT, 'scripts', 'failed-tests.mjs');
    // The runner tells its own children by this, which are not what is wanted here.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { stdout, status } = spawnSync(process.execPath, ['--test', `--test-reporter=${reporter}`, file], {
      encoding: 'utf8',
      env,
    });
    assert.equal(status, 1);
    assert.match(stdout, /^inner \(.*some\.test\.mjs.*\)\n {4}Error: the inner reason\n/);
    assert.doesNotMatch(stdout, /outer|well|to be done/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
