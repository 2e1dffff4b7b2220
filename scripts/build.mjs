// Compiles the checkout, by itself (`npm run build`) or when its sources are newer than what was compiled last.
// No dependencies.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = ['src', 'test', 'bench', 'examples', 'tsconfig.json', 'package-lock.json'];
/** WebAssembly as text, which is assembled beside the modules that load it. */
const ASSEMBLED = ['src/image/kernels.wat'];
/** Its time is that of the last build which went well: the compiler leaves files alone that would stay the same. */
const STAMP = join('dist', '.built');

/**
 * Builds when need be. Everything is printed to the error stream: standard output belongs to the command.
 * @returns {boolean} false when the build failed; the compiler has said why
 */
export function ensureBuilt(root = ROOT) {
  const builtAt = existsSync(join(root, STAMP)) ? statSync(join(root, STAMP)).mtimeMs : 0;
  if (builtAt > newest(root)) return true;
  console.error('building …');
  return build(root);
}

/** @returns {boolean} whether it went well */
export function build(root = ROOT) {
  const startedAt = new Date();
  const isBuilt =
    run(root, 'typescript/bin/tsc', ['-p', 'tsconfig.json']) &&
    ASSEMBLED.every((source) => run(root, 'wabt/bin/wat2wasm', [source, '-o', assembledAt(source)]));
  if (!isBuilt) return false;
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(join(root, STAMP), `${startedAt.toISOString()}\n`);
  return true;
}

/** Runs a program of an npm package. */
function run(root, program, options) {
  const path = join(root, 'node_modules', program);
  const { status, error } = spawnSync(process.execPath, [path, ...options], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) console.error(`the build failed${error === undefined ? '' : `: ${error.message}`}`);
  return status === 0;
}

function assembledAt(source) {
  return join('dist', source.replace(/\.wat$/, '.wasm'));
}

function newest(root) {
  let latest = 0;
  for (const source of SOURCES) {
    const path = join(root, source);
    if (!existsSync(path)) continue;
    const names = statSync(path).isDirectory() ? readdirSync(path, { recursive: true }) : [];
    for (const name of ['', ...names]) latest = Math.max(latest, statSync(join(path, String(name))).mtimeMs);
  }
  return latest;
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !build()) process.exitCode = 1;
