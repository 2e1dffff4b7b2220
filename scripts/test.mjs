#!/usr/bin/env node
// `npm test`: installs what is missing, builds with type checks, lints, and runs every test.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
process.chdir(root);

function step(command, args, options = {}) {
  const { status, signal } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (status !== 0) {
    console.error(`npm test: \`${[command, ...args].slice(0, 6).join(' ')}\` failed (${signal ?? `exit ${status}`})`);
    process.exit(status ?? 1);
  }
}

if (!existsSync('node_modules')) step('npm', ['ci']);
rmSync('dist', { recursive: true, force: true });
step('npx', ['tsc', '-p', 'tsconfig.json']);
step('npx', ['biome', 'check', '.']);
const tests = readdirSync('dist/test', { recursive: true })
  .map((name) => join('dist/test', String(name)))
  .filter((path) => path.endsWith('.test.js'))
  .sort();
step(process.execPath, ['--enable-source-maps', '--test', ...tests]);
