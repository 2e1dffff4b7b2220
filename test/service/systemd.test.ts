/** The stories of a service, with the unit that is shipped, its sandbox included, under a systemd that is process 1. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { makeSigners } from '../../bench/updates/small-bundle.js';
import { keySetFile } from '../../src/model/signing/key-set.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { writeBrightnessBundle } from '../support/brightness-bundle.js';
import { holdDeath } from '../support/hold-death.js';
import { signFolder } from '../support/signing.js';
import { Machine, withoutSystemd } from './support/machine.js';

const skip = withoutSystemd();
if (skip) console.log(`systemd: skipped, ${skip}`);

const CONFIG = '/etc/sideglance/config.yaml';
const PIPELINE = 'videotestsrc is-live=true pattern=blink ! video/x-raw,width=64,height=64,framerate=10/1';
const INSPECTING = /press inspecting \(\d+ pass, \d+ fail, \d+ invalid\)/;

const FAKETIME = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));

function withoutFaketime(): string | false {
  return FAKETIME ? false : 'the package faketime is not installed';
}

describe('the service', { skip }, () => {
  let machine: Machine;
  before(async () => {
    machine = await Machine.boot();
    const folder = await mkdtemp(join(tmpdir(), 'sideglance-bundle-'));
    await writeBrightnessBundle(folder);
    await machine.copy(folder, '/var/lib/models/brightness');
    await rm(folder, { recursive: true });
    // As shipped, but for a watchdog that is sooner at its end.
    await machine.write('/etc/units/sideglance.service.d/test.conf', '[Service]\nWatchdogSec=6s\nRestartSec=100ms\n');
    await machine.must('systemctl', 'daemon-reload');
  });
  after(() => machine.off());

  const configure = (camera: object, mqtt: object = {}, model = '/var/lib/models/brightness', models: object = {}) =>
    machine.write(
      CONFIG,
      JSON.stringify({
        device: { site: 'plant', line: 'line', name: 'device' },
        mqtt,
        models,
        stations: [{ name: 'press', camera, model, threshold: { score: 0.5 } }],
      }),
    );
  const start = async () => {
    await machine.must('systemctl', 'restart', 'sideglance');
    const facts = await machine.service();
    assert.deepEqual([facts.ActiveState, facts.SubState], ['active', 'running']);
    return facts;
  };
  const settled = (what: string, text: RegExp) =>
    machine.until(what, async () => {
      const { ActiveState, StatusText } = await machine.service();
      return ActiveState === 'active' && text.test(StatusText);
    });
  const camera = { type: 'pipeline', pipeline: PIPELINE };

  it('is ready once a frame was scored, and says so; it runs as its own user and can write nothing but its folders', async () => {
    await configure(camera);
    await start();
    await settled('it inspects', INSPECTING);
    assert.match((await machine.service()).StatusText, /broker online/);
    const { MainPID } = await machine.service();
    const status = await machine.must('cat', `/proc/${MainPID}/status`);
    assert.match(status, /^Uid:\s+64990\s/m);
    assert.match(status, /^CapBnd:\s+0+$/m);
    assert.match(status, /^NoNewPrivs:\s+1$/m);
    const mounts = await machine.must('cat', `/proc/${MainPID}/mountinfo`);
    assert.match(mounts, / \/var\/cache\/sideglance rw/);
    assert.match(mounts, / \/ \/ ro[ ,]/);
  });

  it('writes its log with levels to the journal', async () => {
    const log = await machine.must('journalctl', 'SIDEGLANCE=1', '--no-pager', '--output', 'cat', '--priority', 'info');
    assert.match(log, /"event":"agent.ready"/);
    const warnings = await machine.must('journalctl', 'SIDEGLANCE=1', '--no-pager', '--output', 'cat', '-p', 'warning');
    assert.doesNotMatch(warnings, /"level":"info"/);
  });

  it('comes back when it is killed', async () => {
    const { MainPID } = await machine.service();
    await machine.must('kill', '-9', MainPID);
    await machine.until('another process is ready', async () => {
      const facts = await machine.service();
      return facts.ActiveState === 'active' && facts.MainPID !== MainPID && INSPECTING.test(facts.StatusText);
    });
  });

  it('is ended by the watchdog when its event loop is blocked, and comes back', async () => {
    const { MainPID, NRestarts } = await machine.service();
    await machine.must('kill', '-STOP', MainPID);
    await machine.until(
      'it was restarted',
      async () => Number((await machine.service()).NRestarts) > Number(NRestarts),
    );
    await settled('it inspects again', INSPECTING);
    assert.match(await machine.must('journalctl', '--no-pager', 'UNIT=sideglance.service'), /Watchdog timeout/);
  });

  it('stops in an orderly way, and leaves no process', async () => {
    await machine.must('systemctl', 'stop', 'sideglance');
    const { ActiveState, Result, ExecMainStatus } = await machine.service();
    assert.deepEqual([ActiveState, Result, ExecMainStatus], ['inactive', 'success', '0']);
    assert.equal((await machine.run('pgrep', '--uid', '64990')).text, '');
    assert.match(await machine.journal(), /"event":"agent.stopped"/);
  });

  it('an update brings another unit and other files, and keeps what it had; a password may be a credential', async () => {
    await machine.write('/var/lib/sideglance/kept', 'kept');
    const unit = await readFile(join(PACKAGE_ROOT, 'deploy/jetson/sideglance.service'), 'utf8');
    await configure(camera, { url: 'mqtt://192.0.2.1:1883', username: 'u', passwordFile: 'credential:mqtt-password' });
    await start().then(
      () => assert.fail('a credential that is empty was taken'),
      () => {},
    );
    assert.match(await machine.journal(), /the credential mqtt-password is empty/);
    await machine.must('systemctl', 'stop', 'sideglance');
    await machine.write('/etc/sideglance/credentials/mqtt-password', 'sesame\n', 0o600);
    await start();
    const { MainPID } = await machine.service();
    await machine.write('/etc/units/sideglance.service', unit.replace('Description=', 'Description=newer '));
    await machine.must('systemctl', 'daemon-reload');
    await machine.must('systemctl', 'try-restart', 'sideglance');
    const after = await machine.service();
    assert.equal(after.ActiveState, 'active');
    assert.notEqual(after.MainPID, MainPID);
    assert.match(await machine.must('systemctl', 'show', 'sideglance', '--property', 'Description'), /=newer /);
    assert.equal(await machine.must('cat', '/var/lib/sideglance/kept'), 'kept');
    assert.doesNotMatch(await machine.journal(), /sesame/);
  });

  it('a model that is put into its folder is proven, and takes over, within the sandbox', async () => {
    const { keySet, trusted } = makeSigners(1);
    await machine.write('/etc/sideglance/keys.json', keySetFile(keySet));
    await machine.must('install', '--directory', '--owner=sideglance', '/var/lib/sideglance/inbox');
    const put = async (version: string) => {
      const folder = await mkdtemp(join(tmpdir(), 'sideglance-bundle-'));
      await writeBrightnessBundle(folder, { version });
      await signFolder(folder, trusted.slice(0, 1));
      await machine.copy(folder, '/run/bundle');
      await machine.must('chown', '-R', 'sideglance:', '/run/bundle');
      await machine.must('mv', '/run/bundle', `/var/lib/sideglance/inbox/${version}`);
      await rm(folder, { recursive: true });
    };
    const runs = (version: string) =>
      machine.until(`version ${version} judges`, async () =>
        new RegExp(`"station.(ready|switched)".*"model":"brightness@${version}"`).test(await machine.journal()),
      );
    await configure(camera, {}, 'store:brightness', {
      keys: 'keys.json',
      trustClock: true,
      inbox: '/var/lib/sideglance/inbox',
    });
    await machine.must('systemctl', 'restart', 'sideglance');
    await put('1.0.0');
    await runs('1.0.0');
    await settled('it inspects', INSPECTING);
    await put('1.1.0');
    await runs('1.1.0');
  });

  it('boots without a network, and without a camera: ready, known, and alive for longer than the watchdog waits', async () => {
    const device = { type: 'v4l2', device: '/dev/video63' };
    await configure(device, { url: 'mqtt://192.0.2.1:1883' });
    await start();
    await settled('both are known', /^press camera lost \(.*broker offline/);
    const { MainPID, NRestarts } = await machine.service();
    await new Promise((done) => setTimeout(done, 13_000));
    const later = await machine.service();
    assert.deepEqual([later.ActiveState, later.MainPID, later.NRestarts], ['active', MainPID, NRestarts]);
  });

  it('lives on when the clock jumps by years, back and forth', { skip: withoutFaketime() }, async () => {
    await machine.write('/run/clock', '+0');
    const library = [`LD_PRELOAD=${FAKETIME}`, 'FAKETIME_TIMESTAMP_FILE=/run/clock', 'FAKETIME_NO_CACHE=1'];
    await machine.write(
      '/etc/units/sideglance.service.d/clock.conf',
      `[Service]\nEnvironment=${library.join(' ')} FAKETIME_DONT_FAKE_MONOTONIC=1\n`,
    );
    await machine.must('systemctl', 'daemon-reload');
    await configure(camera);
    await start();
    await settled('it inspects', INSPECTING);
    const { MainPID } = await machine.service();
    const thisYear = new Date().getUTCFullYear();
    for (const years of [10, -10]) {
      await machine.write('/run/clock', `${years * 365}d`.replace(/^(?=\d)/, '+'));
      const before = passes((await machine.service()).StatusText);
      await new Promise((done) => setTimeout(done, 7_000));
      await machine.until('it goes on', async () => passes((await machine.service()).StatusText) > before);
      // Deadlines, restarts and signs of life go by another clock; what is logged goes by this one.
      await machine.must('pkill', '-KILL', '--parent', MainPID);
      const logged = new RegExp(
        `"time":"(${thisYear + years}|${thisYear + years - 1}|${thisYear + years + 1})-.*station.ready`,
      );
      await machine.until('the station is back', async () => logged.test(await machine.journal()));
      const { ActiveState, MainPID: now } = await machine.service();
      assert.deepEqual([ActiveState, now], ['active', MainPID]);
    }
    await machine.must('rm', '/etc/units/sideglance.service.d/clock.conf');
    await machine.must('systemctl', 'daemon-reload');
  });

  it('is ended by the watchdog when a station can neither go on nor be ended', async () => {
    await configure(camera);
    await start();
    await settled('it inspects', INSPECTING);
    const { MainPID, NRestarts } = await machine.service();
    const station = Number((await machine.must('pgrep', '--parent', MainPID)).trim());
    const letGo = await holdDeath(await machine.outside(station));
    await machine.must('kill', '-STOP', String(station));
    await machine.until('it says so', async () =>
      /^stuck: the process of press/.test((await machine.service()).StatusText),
    );
    await machine.until(
      'it was restarted',
      async () => Number((await machine.service()).NRestarts) > Number(NRestarts),
    );
    await letGo();
    await settled('it inspects again', INSPECTING);
  });
});

function passes(status: string): number {
  return Number(/\((\d+) pass/.exec(status)?.[1] ?? 0);
}
