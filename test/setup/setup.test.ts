import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { PACKAGE_ROOT } from '../../src/paths.js';

interface Package {
  readonly name: string;
  readonly has: { readonly libraries?: string[]; readonly plugins?: string[]; readonly programs?: string[] };
}
type Plan = { kind: 'nothing' } | { kind: 'install'; prefix: string[] } | { kind: 'blocked'; message: string };
interface Setup {
  readonly RUN_PACKAGES: readonly Package[];
  readonly TEST_PACKAGES: readonly Package[];
  planInstall(facts: {
    missing: readonly string[];
    hasApt: boolean;
    isRoot: boolean;
    hasSudo: boolean;
    again: string;
  }): Plan;
  missingPackages(packages: readonly Package[]): string[];
  packagesFit(root?: string): boolean;
  ensurePackages(root?: string): boolean;
}

const script = (path: string) => pathToFileURL(join(PACKAGE_ROOT, path)).href;
let setup: Setup;
let folder: string;
before(async () => {
  setup = (await import(script('scripts/setup.mjs'))) as Setup;
  folder = mkdtempSync(join(tmpdir(), 'sideglance-setup-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('what setup does about missing packages', () => {
  const facts = { missing: ['a', 'b'], hasApt: true, isRoot: false, hasSudo: false, again: 'npm start' };

  it('nothing when none is missing, whoever asks', () => {
    assert.deepEqual(setup.planInstall({ ...facts, missing: [] }), { kind: 'nothing' });
  });
  it('installs as root, without sudo', () => {
    assert.deepEqual(setup.planInstall({ ...facts, isRoot: true, hasSudo: true }), { kind: 'install', prefix: [] });
  });
  it('installs with a sudo that asks for nothing', () => {
    assert.deepEqual(setup.planInstall({ ...facts, hasSudo: true }), { kind: 'install', prefix: ['sudo', '-n'] });
  });
  it('otherwise names the exact command and what to run again', () => {
    const plan = setup.planInstall(facts);
    assert.ok(plan.kind === 'blocked');
    assert.match(plan.message, /sudo apt-get install -y --no-install-recommends a b$/);
    assert.match(plan.message, /run `npm start` again/);
  });
  it('does not try where there is no apt-get, root or not', () => {
    const plan = setup.planInstall({ ...facts, hasApt: false, isRoot: true });
    assert.ok(plan.kind === 'blocked');
    assert.match(plan.message, /GStreamer 1\.18 or newer/);
  });
});

describe('what counts as missing', () => {
  it('nothing on a machine that can run these tests', () => {
    assert.deepEqual(setup.missingPackages(setup.TEST_PACKAGES), []);
  });
  it('not a package whose contents came from elsewhere', () => {
    const has = { libraries: ['libgstreamer-1.0.so.0'], plugins: ['libgstapp.so'], programs: ['sh'] };
    assert.deepEqual(setup.missingPackages([{ name: 'sideglance-no-such-package', has }]), []);
  });
  it('a package that is neither installed nor there by its contents', () => {
    const packages: Package[] = [
      { name: 'sideglance-no-such-1', has: { libraries: ['libnowhere.so.0'] } },
      { name: 'sideglance-no-such-2', has: { plugins: ['libgstnowhere.so'] } },
      { name: 'sideglance-no-such-3', has: { programs: ['sideglance-nowhere'] } },
      ...setup.RUN_PACKAGES,
    ];
    assert.deepEqual(
      setup.missingPackages(packages),
      packages.slice(0, 3).map((one) => one.name),
    );
  });
});

describe('npm packages are installed anew', () => {
  const lock = (version: string) => ({
    packages: {
      '': { name: 'x' },
      'node_modules/a': { version },
      'node_modules/b': { version: '1.0.0', optional: true },
    },
  });
  const fits = (wanted: unknown, found: unknown) => {
    const root = mkdtempSync(join(folder, 'lock-'));
    writeFileSync(join(root, 'package-lock.json'), JSON.stringify(wanted));
    mkdirSync(join(root, 'node_modules'));
    if (found !== null) writeFileSync(join(root, 'node_modules', '.package-lock.json'), JSON.stringify(found));
    return setup.packagesFit(root);
  };

  it('not when they fit the lock file, optional ones of other platforms aside', () => {
    assert.equal(fits(lock('1.0.0'), { packages: { 'node_modules/a': { version: '1.0.0' } } }), true);
  });
  it('when the lock file asks for another version', () => {
    assert.equal(fits(lock('1.0.1'), lock('1.0.0')), false);
  });
  it('when one is missing', () => {
    assert.equal(fits(lock('1.0.0'), { packages: {} }), false);
  });
  it('when an installation was broken off', () => {
    assert.equal(fits(lock('1.0.0'), null), false);
  });
  it('not in this checkout', () => {
    assert.equal(setup.packagesFit(), true);
  });
  it('and where they cannot be fetched, those that are there stay', () => {
    const root = mkdtempSync(join(folder, 'offline-'));
    const wanted = { version: '1.0.1', resolved: 'http://127.0.0.1:9/a-1.0.1.tgz', integrity: 'sha512-AAAA' };
    const facts = { name: 'offline', version: '1.0.0', dependencies: { a: '1.0.1' } };
    writeFileSync(join(root, 'package.json'), JSON.stringify(facts));
    const packages = { '': facts, 'node_modules/a': wanted };
    writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ ...facts, lockfileVersion: 3, packages }));
    // Nothing listens there.
    writeFileSync(join(root, '.npmrc'), 'registry=http://127.0.0.1:9/\nfetch-retry-mintimeout=1\n');
    const there = join(root, 'node_modules', 'a', 'package.json');
    mkdirSync(join(root, 'node_modules', 'a'), { recursive: true });
    writeFileSync(there, JSON.stringify({ name: 'a', version: '1.0.0' }));
    assert.equal(setup.ensurePackages(root), false);
    assert.equal((JSON.parse(readFileSync(there, 'utf8')) as { version: string }).version, '1.0.0');
  });
});

describe('too old a Node', () => {
  it('is told in one line, with the way to a newer one, before anything newer is loaded', () => {
    const pretend = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.4' } });";
    for (const entry of ['bin/sideglance.mjs', 'scripts/start.mjs', 'scripts/test.mjs']) {
      const code = `${pretend} import(${JSON.stringify(script(entry))})`;
      const { status, stderr, stdout } = spawnSync(process.execPath, ['-e', code], {
        encoding: 'utf8',
        timeout: 20_000,
      });
      assert.equal(status, 1, entry);
      assert.match(
        stderr,
        /^sideglance needs Node\.js 20\.9\.0 or newer, this is 18\.20\.4\. .*nvm install.*\n$/,
        entry,
      );
      assert.equal(stdout, '');
    }
  });

  it('is one below 20.9.0', async () => {
    const { nodeTooOld, OLDEST_NODE } = (await import(script('bin/node-version.mjs'))) as {
      nodeTooOld(version: string): string | null;
      OLDEST_NODE: string;
    };
    assert.deepEqual(
      ['14.21.3', '20.8.1', '20.9.0', '20.10.0', '22.0.0'].map((version) => nodeTooOld(version) === null),
      [false, false, true, true, true],
    );
    const manifest = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as {
      engines: { node: string };
    };
    assert.equal(manifest.engines.node, `>=${OLDEST_NODE}`);
  });
});

describe('building', () => {
  it('happens when a source is newer than the last build, and not again', async () => {
    const { ensureBuilt } = (await import(script('scripts/build.mjs'))) as { ensureBuilt(root: string): boolean };
    const root = mkdtempSync(join(folder, 'build-'));
    mkdirSync(join(root, 'src'));
    mkdirSync(join(root, 'node_modules', 'typescript', 'bin'), { recursive: true });
    // Stands for the compiler: leaves a mark each time it runs, and fails on request.
    writeFileSync(
      join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
      "const fs = require('node:fs'); fs.appendFileSync('runs', '.'); process.exit(fs.existsSync('fail') ? 2 : 0);",
    );
    // And for the assembler of WebAssembly, which notes what it is to make.
    mkdirSync(join(root, 'node_modules', 'wabt', 'bin'), { recursive: true });
    writeFileSync(
      join(root, 'node_modules', 'wabt', 'bin', 'wat2wasm'),
      "require('node:fs').appendFileSync('assembled', process.argv.slice(2).join(' '));",
    );
    const source = join(root, 'src', 'a.ts');
    writeFileSync(source, '');
    const past = new Date(Date.now() - 60_000);
    utimesSync(source, past, past);
    for (const path of ['src', '.']) utimesSync(join(root, path), past, past);
    const runs = () => statSync(join(root, 'runs')).size;

    assert.equal(ensureBuilt(root), true);
    assert.equal(runs(), 1);
    assert.equal(readFileSync(join(root, 'assembled'), 'utf8'), 'src/image/kernels.wat -o dist/src/image/kernels.wasm');
    assert.equal(ensureBuilt(root), true);
    assert.equal(runs(), 1, 'nothing changed');

    const future = new Date(Date.now() + 60_000);
    utimesSync(source, future, future);
    writeFileSync(join(root, 'fail'), '');
    assert.equal(ensureBuilt(root), false, 'the compiler found an error');
    assert.equal(ensureBuilt(root), false, 'and still does');
    assert.equal(runs(), 3);
  });
});
