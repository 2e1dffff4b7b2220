#!/usr/bin/env node
// `npm test`: installs what is missing, builds with type checks, lints, and runs every test.
// `npm test -- capture publish` runs only the test files whose paths contain one of the words.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
// By name, availableParallelism would keep an old Node from getting as far as being told that it is old.
import * as os from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireNode } from '../bin/node-version.mjs';

requireNode();
const { setup } = await import('./setup.mjs');
const { build } = await import('./build.mjs');
process.chdir(fileURLToPath(new URL('..', import.meta.url)));

function step(command, args, details = () => '') {
  const { status, signal } = spawnSync(command, args, { stdio: 'inherit' });
  if (status === 0) return;
  console.error(details());
  console.error(`npm test: \`${[command, ...args].slice(0, 3).join(' ')}\` failed (${signal ?? `exit ${status}`})`);
  process.exit(status ?? 1);
}

if (!setup('test')) process.exit(1);
// What daemons keep for the next start is not kept for the user's.
const cache = mkdtempSync(join(os.tmpdir(), 'sideglance-test-cache-'));
process.env.XDG_CACHE_HOME = cache;
process.on('exit', () => rmSync(cache, { recursive: true, force: true }));
rmSync('dist', { recursive: true, force: true });
if (!build()) process.exit(1);
step(join('node_modules', '.bin', 'biome'), ['check', '.']);

const words = process.argv.slice(2);
const tests = readdirSync('dist/test', { recursive: true })
  .map((name) => join('dist/test', String(name)))
  .filter((path) => path.endsWith('.test.js') && (words.length === 0 || words.some((word) => path.includes(word))))
  .sort();
if (tests.length === 0) {
  console.error(`npm test: no test file has ${words.join(' or ')} in its path`);
  process.exit(1);
}
// Most tests wait for processes and sockets; more files at once than cores would make those that compute late.
const concurrency = Math.min(os.availableParallelism(), 4);
// What failed is told once more at the end, where nobody has to look for it among two thousand lines.
const failed = join(cache, 'failed-tests.txt');
step(
  process.execPath,
  [
    '--enable-source-maps',
    '--test',
    `--test-concurrency=${concurrency}`,
    '--test-timeout=600000',
    `--test-reporter=${process.stdout.isTTY ? 'spec' : 'tap'}`,
    '--test-reporter-destination=stdout',
    '--test-reporter=./scripts/failed-tests.mjs',
    `--test-reporter-destination=${failed}`,
    ...tests,
  ],
  () => readFileSync(failed, 'utf8'),
);
