import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { writePng } from '../../src/image/save.js';
import { writeTinyBundle } from '../support/tiny-bundle.js';
import { sideglance } from './command.js';

let cwd: string;
before(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'sideglance-model-'));
  await writeTinyBundle(join(cwd, 'tiny'));
  await writeTinyBundle(join(cwd, 'tiny2'), { version: '2.0.0' });
  await writeTinyBundle(join(cwd, 'tiny3'), { version: '3.0.0' });
  // JSON is YAML.
  const config = {
    device: { site: 'plant', line: 'line-1', name: 'edge-1' },
    stations: [{ name: 'top', camera: { type: 'simulated' }, model: 'store:tiny' }],
    models: { keys: 'keys.json', store: 'store', trustClock: true },
  };
  await writeFile(join(cwd, 'config.yaml'), JSON.stringify(config));
});
after(() => rm(cwd, { recursive: true, force: true }));

/** `sideglance model …`, which has to go well. */
async function model(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await sideglance(['model', ...args], { cwd });
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
  return stdout;
}
async function refused(code: string, ...args: readonly string[]): Promise<string> {
  const ended = await sideglance(['model', ...args], { cwd });
  assert.equal(ended.code, code === 'SG_USAGE' ? 2 : 1, ended.stdout + ended.stderr);
  assert.ok(ended.stderr.includes(`(${code})`), ended.stderr);
  return ended.stderr;
}

describe('sideglance model', () => {
  it('makes keys, which are never overwritten, and a key set of them', async () => {
    assert.match(
      await model('keygen', '--out', 'alice', '--no-password'),
      /key [0-9A-F]{16}: alice\.pub is for devices/,
    );
    assert.equal((await stat(join(cwd, 'alice.key'))).mode & 0o777, 0o600);
    await refused('SG_STORAGE', 'keygen', '--out', 'alice', '--no-password');
    await refused('SG_USAGE', 'keygen', '--out', 'carol');
    execFileSync('minisign', ['-G', '-W', '-p', 'bob.pub', '-s', 'bob.key'], { cwd, stdio: 'ignore' });
    const made = await model(
      'keys',
      '--out',
      'keys.json',
      '--key',
      'alice.pub',
      '--key',
      'bob.pub',
      '--threshold',
      '2',
    );
    assert.match(made, /keys\.json: serial 1, 2 of alice \([0-9A-F]{16}\), bob/);
  });

  it('signs a bundle, together with the stock minisign, and verifies it', async () => {
    assert.match(
      await model('limit', 'tiny', '--device', 'plant/*/edge-*', '--expires', '2100-01-01'),
      /plant\/\*\/edge-\*.*2100-01-01/,
    );
    assert.match(await model('sign', 'tiny', '--key', 'alice.key'), /tiny@1\.0\.0 signed: manifest\.json\.minisig/);
    await refused('SG_BUNDLE_UNTRUSTED', 'verify', 'tiny', '--keys', 'keys.json');
    const manifest = join('tiny', 'manifest.json');
    execFileSync('minisign', ['-S', '-W', '-s', 'bob.key', '-x', `${manifest}.bob.minisig`, '-m', manifest], {
      cwd,
      stdio: 'ignore',
    });
    execFileSync('minisign', ['-V', '-p', 'alice.pub', '-m', manifest], { cwd, stdio: 'ignore' });
    assert.match(
      await model('verify', 'tiny', '--keys', 'keys.json'),
      /tiny@1\.0\.0 is signed by .*(alice.*bob|bob.*alice).*, and whole/,
    );
    await refused('SG_USAGE', 'verify', 'tiny');
  });

  it('packs it into the same bytes each time, shows it, and tells two apart', async () => {
    await model('pack', 'tiny', '--out', 'tiny.tar');
    await model('pack', 'tiny', '--out', 'again.tar');
    assert.deepEqual(await readFile(join(cwd, 'tiny.tar')), await readFile(join(cwd, 'again.tar')));
    const shown = await model('show', 'tiny.tar');
    assert.match(shown, /tiny@1\.0\.0[\s\S]*for: plant\/\*\/edge-\*[\s\S]*model\.onnx[\s\S]*Nothing was verified/);
    assert.equal((JSON.parse(await model('show', 'tiny.tar', '--json')) as { id: string }).id, 'tiny');
    const { code, stdout } = await sideglance(['model', 'diff', 'tiny.tar', 'tiny2'], { cwd });
    assert.equal(code, 1);
    assert.match(stdout, /- version: 1\.0\.0\n\+ version: 2\.0\.0\n/);
    assert.equal((await sideglance(['model', 'diff', 'tiny', 'again.tar'], { cwd })).code, 0);
  });

  it('installs it, lists it, goes back, and lets a barred version in again', async () => {
    assert.match(await model('verify', 'tiny.tar', '-c', 'config.yaml'), /can be installed on plant\/line-1\/edge-1/);
    assert.match(await model('install', 'tiny.tar'), /tiny@1\.0\.0 is installed: .*store\/tiny\/1\.0\.0_/);
    await model('sign', 'tiny2', '--key', 'alice.key');
    await refused('SG_BUNDLE_UNTRUSTED', 'install', 'tiny2');
    await model('sign', 'tiny2', '--key', 'bob.key');
    assert.match(
      await model('install', 'tiny2'),
      /it is on probation: after 10 minutes the one before is active again, unless/,
    );
    assert.match(await model('list'), /2\.0\.0 .*active on probation/);
    assert.match(await model('confirm', 'tiny'), /tiny@2\.0\.0 is the last good version from now on/);
    assert.match(await refused('SG_BUNDLE_DOWNGRADE', 'install', 'tiny.tar'), /not newer than tiny@2\.0\.0/);
    const back = await model('rollback', 'tiny', '--reason', 'rejects too much');
    assert.match(back, /tiny@1\.0\.0 is active again instead of 2\.0\.0, which is barred: rejects too much/);
    const listed = await model('list');
    assert.match(listed, /tiny, newer than 2\.0\.0 from now on\n {2}1\.0\.0 .*active\n {2}2\.0\.0 .*barred\n/);
    await refused('SG_BUNDLE_BARRED', 'install', 'tiny2');
    await model('unbar', 'tiny@2.0.0');
    assert.match(await model('install', 'tiny2'), /tiny@2\.0\.0 was there already/);
    await refused('SG_STORE', 'rollback', 'nothing');
    await refused('SG_USAGE', 'rollback', 'tiny', '--station', 'side');
  });

  it('keeps parts of the line, and makes nothing active that judges one of them wrong', async () => {
    const picture = { width: 64, height: 64, stride: 64, format: 'GRAY8' as const, data: new Uint8Array(64 * 64) };
    await writePng(join(cwd, 'part.png'), picture);
    await refused('SG_USAGE', 'accept', 'add', 'part.png', '--station', 'side', '--label', 'pass');
    await refused('SG_IMAGE_UNREADABLE', 'accept', 'add', 'tiny.tar', '--station', 'top', '--label', 'pass');
    const added = await model('accept', 'add', 'part.png', '--station', 'top', '--label', 'pass');
    assert.match(added, /part\.png: every model of station top has to pass it from now on/);
    const [, name = ''] = /\((\w+\.png)\)/.exec(added) ?? [];
    await model('install', 'tiny2');
    await model('accept', 'add', 'part.png', '--station', 'top', '--label', 'fail');
    assert.match(await model('accept', 'list', '--station', 'top'), new RegExp(`^fail  ${name}  .*\n$`));
    const why = await refused('SG_BUNDLE_ACCEPTANCE', 'install', 'tiny2');
    assert.match(why, /tiny@2\.0\.0 says pass .*of station top has to fail/);
    await model('accept', 'remove', name, '--station', 'top');
    await refused('SG_USAGE', 'accept', 'remove', name, '--station', 'top');
    await model('install', 'tiny2');
  });

  it('plans when a version takes over, and takes that back', async () => {
    for (const key of ['alice.key', 'bob.key']) await model('sign', 'tiny3', '--key', key);
    const planned = await model('install', 'tiny3', '--at', '2040-01-31T22:00Z', '--shadow', '200');
    const plan = 'at 2040-01-31T22:00:00.000Z, after 200 parts beside the one in use';
    assert.ok(planned.includes(`it is planned to take over ${plan}; \`sideglance model cancel tiny\` takes`), planned);
    const listed = await model('list');
    assert.match(listed, /2\.0\.0 .*active/);
    assert.ok(listed.includes(`takes over ${plan}`), listed);
    assert.match(await model('cancel', 'tiny'), /tiny@3\.0\.0 does not take over; it stays installed/);
    await refused('SG_STORE', 'cancel', 'tiny');
    assert.doesNotMatch(await model('list'), /takes over/);
    await refused('SG_USAGE', 'activate', 'tiny@3.0.0', '--at', 'shift');
    await refused('SG_STORE', 'activate', 'tiny@4.0.0');
    assert.match(await model('activate', 'tiny@3.0.0', '--at', 'idle'), /planned to take over when no part comes/);
    assert.match(await model('activate', 'tiny@3.0.0'), /tiny@3\.0\.0: it is active/);
    const now = await model('list');
    assert.match(now, /3\.0\.0 .*active on probation/);
    assert.doesNotMatch(now, /takes over/);
    await model('rollback', 'tiny', '--to', '2.0.0', '--no-bar');
  });

  it('changes keys by those that are trusted, and permits a downgrade', async () => {
    await model('keys', '--from', 'keys.json', '--out', 'next.json', '--threshold', '1', '--revoke', 'bob.pub');
    await model('sign', 'next.json', '--key', 'alice.key');
    await refused('SG_BUNDLE_UNTRUSTED', 'trust', 'next.json');
    await model('sign', 'next.json', '--key', 'bob.key');
    assert.match(await model('trust', 'next.json'), /1 of alice \(serial 2\)/);
    const day = 24 * 60 * 60 * 1000;
    const until = new Date(Date.now() + day).toISOString();
    await model('permit', 'tiny', '--device', 'plant/line-1/*', '--until', until, '--key', 'alice.key');
    assert.match(await model('install', 'tiny'), /tiny@1\.0\.0/);
    assert.match(await model('list', '--json'), /"version": "2\.0\.0"/);
  });
});
