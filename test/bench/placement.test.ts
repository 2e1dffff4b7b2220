import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readOptions } from '../../bench/placement/options.js';
import { ratioOf } from '../../bench/placement/report.js';
import { CASES, placement } from '../../bench/placement.js';

test('parts in a fixture and parts anywhere: a row for each case, and what was decided', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-placement-test-'));
  try {
    const out = join(folder, 'results', 'placement');
    const counts = ['--good', '20', '--test-good', '2', '--defective', '1', '--pixels', '128', '--size', '96'];
    const said: string[] = [];
    const code = await placement([...counts, '--steps', '2', '--out', out], (text) => said.push(text));
    const { figures, ratio, verdict } = JSON.parse(await readFile(`${out}.json`, 'utf8'));
    assert.deepEqual(
      Object.keys(figures),
      CASES.map(({ name }) => name),
    );
    assert.equal(code, verdict === 'passed' ? 0 : 1);
    assert.equal(ratio, ratioOf(figures.anywhere.imageAuroc, figures.aligned.imageAuroc));
    assert.notEqual(figures.anywhere.agreement, null);
    assert.equal(figures.anywhere.search, 'everywhere');
    assert.notEqual(figures['anywhere, not located'].search, 'everywhere');
    const table = await readFile(`${out}.md`, 'utf8');
    for (const { name, told } of CASES)
      assert.match(table, new RegExp(`^\\| ${name} \\| ${told} \\| (as it lies|nearby|everywhere) \\(`, 'm'));
    assert.match(table, /Anywhere \/ aligned: image AUROC \*\*(\d\.\d{4}|–)\*\* \(goal: at least 0\.97\)/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a folder that cannot hold results is refused before anything is trained', async () => {
  const file = fileURLToPath(import.meta.url);
  await assert.rejects(
    placement(['--out', join(file, 'placement')], () => undefined),
    { code: 'SG_STORAGE', message: /results cannot be written to .*placement/ },
  );
});

test('wrong arguments are refused with one message, and there is no share of nothing', () => {
  const refused = (args: string[], message: RegExp) =>
    assert.throws(() => readOptions(args), { code: 'SG_USAGE', message });
  refused(['somewhere'], /nothing to do with somewhere/);
  refused(['--good', '19'], /--good must be a whole number from 20/);
  refused(['--minutes', '0'], /--minutes/);
  assert.equal(ratioOf(0.9, 0.8), 0.9 / 0.8);
  assert.equal(ratioOf(0.97, null), null);
  assert.equal(ratioOf(0, 0), null);
});
