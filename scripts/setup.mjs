// Installs what a checkout needs: npm packages, and Debian packages where this account may. No dependencies.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, lstatSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * What has to be on the machine. `name` is the package on Debian 12 and Ubuntu 22.04 and later; `has` says what it
 * brings, for machines where that came from elsewhere. GStreamer's libraries come with their plugins.
 */
export const RUN_PACKAGES = [
  {
    name: 'gstreamer1.0-plugins-base',
    has: {
      libraries: ['libgstreamer-1.0.so.0', 'libgstapp-1.0.so.0', 'libgstvideo-1.0.so.0'],
      plugins: ['libgstapp.so'],
    },
  },
  { name: 'gstreamer1.0-plugins-good', has: { plugins: ['libgstpng.so', 'libgstjpeg.so', 'libgstrtsp.so'] } },
];
export const TEST_PACKAGES = [
  ...RUN_PACKAGES,
  { name: 'mosquitto', has: { programs: ['mosquitto'] } },
  { name: 'mosquitto-clients', has: { programs: ['mosquitto_sub', 'mosquitto_pub'] } },
  { name: 'jq', has: { programs: ['jq'] } },
  { name: 'python3-paho-mqtt', has: { python: ['paho.mqtt.client'] } },
  { name: 'faketime', has: { programs: ['faketime'] } },
  { name: 'minisign', has: { programs: ['minisign'] } },
  { name: 'aravis-tools', has: { programs: ['arv-fake-gv-camera-0.8'], plugins: ['libgstaravis.0.8.so'] } },
];

/**
 * Makes sure that everything is there, installing what is missing.
 * @param {'start' | 'test'} purpose
 * @returns {boolean} false when something is missing and could not be installed; what to do has been said then
 */
export function setup(purpose) {
  const missing = missingPackages(purpose === 'test' ? TEST_PACKAGES : RUN_PACKAGES);
  const plan = planInstall({
    missing,
    hasApt: findProgram('apt-get') !== null,
    isRoot: process.getuid?.() === 0,
    hasSudo: missing.length > 0 && succeeds('sudo', ['-n', 'true']),
    again: `npm ${purpose}`,
  });
  if (plan.kind === 'blocked') {
    console.error(plan.message);
    return false;
  }
  if (plan.kind === 'install' && !installPackages(plan, missing)) return false;
  return ensurePackages();
}

/**
 * What to do about missing Debian packages.
 * @param {{ missing: readonly string[], hasApt: boolean, isRoot: boolean, hasSudo: boolean, again: string }} facts
 * @returns {{ kind: 'nothing' } | { kind: 'install', prefix: string[] } | { kind: 'blocked', message: string }}
 */
export function planInstall({ missing, hasApt, isRoot, hasSudo, again }) {
  if (missing.length === 0) return { kind: 'nothing' };
  if (hasApt && isRoot) return { kind: 'install', prefix: [] };
  if (hasApt && hasSudo) return { kind: 'install', prefix: ['sudo', '-n'] };
  const why = hasApt
    ? 'this account is not root and cannot use sudo without a password'
    : 'there is no apt-get here (on another system, install what stands for them: GStreamer 1.18 or newer with its plugins)';
  return {
    kind: 'blocked',
    message: `packages are missing, and ${why}. Install them, then run \`${again}\` again:\n    sudo ${installLine(missing)}`,
  };
}

function installLine(packages) {
  return `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

function installPackages({ prefix }, missing) {
  console.error(`installing ${missing.join(', ')} …`);
  const aptGet = (...args) => {
    const environment = ['env', 'DEBIAN_FRONTEND=noninteractive', 'NEEDRESTART_SUSPEND=1'];
    const [command, ...rest] = [...prefix, ...environment, 'apt-get', '-q', '-o', 'DPkg::Lock::Timeout=120', ...args];
    return spawnSync(command, rest, { stdio: ['ignore', 2, 2] }).status === 0;
  };
  const install = () => aptGet('install', '-y', '--no-install-recommends', ...missing);
  // Package lists that are absent or out of date show themselves by a failure; fetching them each time takes longer.
  const known = succeeds('apt-get', ['install', '--simulate', '-q', ...missing]);
  if (known && install()) return true;
  if (aptGet('update') && install()) return true;
  console.error(
    `apt-get could not install what is missing; its messages stand above. By hand:\n    sudo ${installLine(missing)}`,
  );
  return false;
}

/** The names of those packages that neither dpkg knows as installed nor whose contents are found. */
export function missingPackages(packages) {
  const names = packages.map((one) => one.name);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own syntax
  const query = run('dpkg-query', ['-W', '-f', '${db:Status-Status} ${Package}\\n', ...names]);
  const installed = new Set(
    query
      .split('\n')
      .filter((line) => line.startsWith('installed '))
      .map((line) => line.slice(10)),
  );
  const absent = packages.filter((one) => !installed.has(one.name));
  if (absent.length === 0) return [];
  const cache = run(existsSync('/sbin/ldconfig') ? '/sbin/ldconfig' : 'ldconfig', ['-p']);
  const folders = pluginFolders(cache);
  const has = ({ libraries = [], plugins = [], programs = [], python = [] }) =>
    libraries.every((library) => cache.includes(`\t${library} `)) &&
    plugins.every((plugin) => folders.some((folder) => existsSync(join(folder, plugin)))) &&
    programs.every((program) => findProgram(program) !== null) &&
    python.every((name) => succeeds('python3', ['-c', `import ${name}`]));
  return absent.filter((one) => !has(one.has)).map((one) => one.name);
}

/** GStreamer looks for plugins where the environment says, and beside its own library. */
function pluginFolders(ldCache) {
  const named = ['GST_PLUGIN_PATH', 'GST_PLUGIN_PATH_1_0', 'GST_PLUGIN_SYSTEM_PATH', 'GST_PLUGIN_SYSTEM_PATH_1_0'];
  const fromEnvironment = named
    .flatMap((name) => (process.env[name] ?? '').split(delimiter))
    .filter((folder) => folder !== '');
  const library = /libgstreamer-1\.0\.so\.0 .*=> (.*)\/[^/]+$/m.exec(ldCache);
  return library === null ? fromEnvironment : [...fromEnvironment, join(library[1], 'gstreamer-1.0')];
}

/**
 * Installs the npm packages when some are missing or not of the version in package-lock.json. Where they cannot be fetched,
 * those that are there stay.
 * @returns {boolean} whether they are there now
 */
export function ensurePackages(root = ROOT) {
  if (packagesFit(root)) return true;
  console.error('installing npm packages …');
  const npm = process.env.npm_execpath;
  const [command, args] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  // `npm ci` would remove what is there before it knows whether it can have anything else.
  const install = existsSync(join(root, 'node_modules')) ? ['install', '--no-save', '--fetch-retries=1'] : ['ci'];
  const { status, error } = spawnSync(command, [...args, ...install, '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status === 0) return true;
  const reason = error === undefined ? 'its messages stand above' : error.message;
  console.error(`\`npm ${install[0]}\` failed: ${reason}. Nothing was changed; see to the network, then try again`);
  return false;
}

/** Whether node_modules holds what package-lock.json asks for. Optional packages may be absent: other platforms’. */
export function packagesFit(root = ROOT) {
  // Somebody lent this checkout the packages of another one, which are not ours to replace.
  if (isLink(join(root, 'node_modules'))) return true;
  const wanted = readLock(join(root, 'package-lock.json'));
  const found = readLock(join(root, 'node_modules', '.package-lock.json'));
  if (wanted === null) return existsSync(join(root, 'node_modules'));
  if (found === null) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '' || entry.link) return true;
    if (found[path] === undefined) return entry.optional === true || entry.peer === true;
    return found[path].version === entry.version;
  });
}

function isLink(path) {
  return existsSync(path) && lstatSync(path).isSymbolicLink();
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return null;
  }
}

function run(command, args) {
  return (
    spawnSync(command, args, { encoding: 'utf8', timeout: 30_000, env: { ...process.env, LC_ALL: 'C' } }).stdout ?? ''
  );
}

function succeeds(command, args) {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 30_000 }).status === 0;
}

/** The path of a program; system folders are searched too, which an account's PATH may lack. */
function findProgram(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  for (const folder of folders) {
    try {
      if (folder === '') continue;
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // Not in this one.
    }
  }
  return null;
}
