// Lays out what the package holds: the compiled program, its npm packages for one architecture, and the Node.js that runs it.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** npm's names of Debian's architectures. */
export const CPUS = { amd64: 'x64', arm64: 'arm64' };

/** Files of npm packages that nothing needs at run time. */
const NEEDLESS =
  /\.(md|markdown|html|map|d\.ts|d\.mts|d\.cts|ts|mts|cts|tsbuildinfo|yml|gypi?|c|cc|cpp|h|hh|hpp)$|^(onnxruntime_binding\.node|.*\.musl\.node|\.(npmignore|editorconfig|eslint.*|prettier.*|gitattributes|nycrc|taprc)|Makefile|CMakeLists\.txt)$/i;
const NEEDLESS_FOLDERS = new Set([
  'test',
  'tests',
  'example',
  'examples',
  'benchmark',
  'benchmarks',
  'docs',
  '.github',
  '.husky',
  // For another C library.
  'musl_x64',
  'musl_arm64',
  '.bin',
]);

/** @returns {void} @throws Error naming what went wrong */
export function stageProgram(root, home, arch) {
  for (const part of ['bin', 'models', 'package.json', 'package-lock.json', '.npmrc', 'LICENSE', 'NOTICE']) {
    cpSync(join(root, part), join(home, part), { recursive: true });
  }
  cpSync(join(root, 'dist', 'src'), join(home, 'dist', 'src'), {
    recursive: true,
    filter: (path) => !path.endsWith('.d.ts'),
  });
  const platform = ['--os=linux', `--cpu=${CPUS[arch]}`, '--libc=glibc', '--ignore-scripts'];
  run('npm', ['ci', '--omit=dev', '--no-audit', '--no-fund', ...platform], home);
  for (const name of ['package-lock.json', '.npmrc', 'node_modules/.package-lock.json']) rmSync(join(home, name));
  const runtime = join(home, 'node_modules', 'onnxruntime-node', 'bin', 'napi-v6');
  keepOnly(runtime, 'linux');
  keepOnly(join(runtime, 'linux'), CPUS[arch]);
  prune(join(home, 'node_modules'));
}

/** The pinned Node.js, its bytes as `deploy/deb/node.json` has them. */
export function stageNode({ version, packages }, home, arch) {
  const { name, integrity } = packages[arch];
  const folder = mkdtempSync(join(tmpdir(), 'sideglance-node-'));
  try {
    run('npm', ['pack', '--silent', '--pack-destination', folder, `${name}@${version}`], folder);
    const archive = join(folder, `${name}-${version}.tgz`);
    const digest = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
    if (digest !== integrity) throw new Error(`${name}@${version} is not what deploy/deb/node.json pins: ${digest}`);
    run('tar', ['-xzf', archive, '-C', folder], folder);
    mkdirSync(join(home, 'node', 'bin'), { recursive: true });
    cpSync(join(folder, 'package', 'bin', 'node'), join(home, 'node', 'bin', 'node'));
    cpSync(join(folder, 'package', 'LICENSE'), join(home, 'node', 'LICENSE'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function keepOnly(folder, wanted) {
  for (const name of readdirSync(folder)) if (name !== wanted) rmSync(join(folder, name), { recursive: true });
  if (!existsSync(join(folder, wanted))) throw new Error(`there is no ${wanted} in ${folder}`);
}

function prune(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
    // Packages may be called like a folder that goes; what has a package.json stays.
    if (isFolder && NEEDLESS_FOLDERS.has(name) && !existsSync(join(path, 'package.json')))
      rmSync(path, { recursive: true });
    else if (isFolder) prune(path);
    else if (NEEDLESS.test(name) && !/^licen[cs]e/i.test(name)) rmSync(path);
  }
}

/** The newest version of the C library that any native file asks for, as `2.28`. */
export function neededLibc(folder) {
  let newest = 0;
  for (const name of readdirSync(folder, { recursive: true })) {
    const path = join(folder, String(name));
    if (!/\.(node|so[.\d]*)$|\/bin\/node$/.test(path) || !statSync(path).isFile()) continue;
    for (const [, minor] of readFileSync(path, 'latin1').matchAll(/\0GLIBC_2\.(\d+)(?=[.\0])/g))
      newest = Math.max(newest, Number(minor));
  }
  return `2.${newest}`;
}

export function run(command, args, cwd) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`${command} ${args[0]} failed (${error?.message ?? `exit ${status}`})`);
}
