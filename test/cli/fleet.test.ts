import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectAsync } from 'mqtt';
import { lotOf } from '../../src/commands/cohort.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import type { RolloutMessage } from '../../src/publish/rollout-message.js';
import { closeAtTheEnd } from '../publish/support/leftovers.js';
import { startMosquitto, withoutMosquitto } from '../publish/support/mosquitto.js';
import { FleetDevice, type FleetDeviceOptions } from '../support/fleet-device.js';
import { type Ended, sideglance } from './command.js';

const skip = withoutMosquitto;
const SHA = 'a'.repeat(64);
const WHAT = [
  '--model',
  'bracket',
  '--bundle-version',
  '1.4.0',
  '--url',
  'http://models.example/b.tar',
  '--sha256',
  SHA,
];
const QUICK = ['--spread', '0s', '--wait', '60s'];

interface TestFleet {
  readonly devices: readonly FleetDevice[];
  readonly names: readonly string[];
  readonly url: string;
  fleet(command: string, ...args: readonly string[]): Promise<Ended>;
  /** The retained message of the rollout. */
  message(): RolloutMessage | null;
}

async function startFleet(
  count: number,
  fate: FleetDeviceOptions['fate'] = () => 'active',
  broker: Parameters<typeof startMosquitto>[0] = {},
): Promise<TestFleet> {
  const { url } = await startMosquitto(broker);
  const client = await connectAsync(url);
  closeAtTheEnd(async () => client.endAsync(true));
  let message: RolloutMessage | null = null;
  client.on('message', (_, payload) => {
    message = JSON.parse(payload.toString()) as RolloutMessage;
  });
  await client.subscribeAsync('sideglance/rollout/#');
  const identities = Array.from({ length: count }, (_, i) => ({
    site: 'ulm',
    line: `line-${i % 3}`,
    name: `edge-${i}`,
  }));
  const devices = identities.map((device) => new FleetDevice({ url, device, fate }));
  for (const device of devices) {
    closeAtTheEnd(() => device.stop());
    device.start();
  }
  await until('all are online', () => devices.every(({ isOnline }) => isOnline));
  return {
    devices,
    url,
    names: identities.map(({ site, line, name }) => `${site}/${line}/${name}`),
    fleet: (command, ...args) => sideglance(['fleet', command, '--broker', url, ...args]),
    message: () => message,
  };
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 30_000;
  while (!isSo()) {
    assert.ok(performance.now() < giveUpAt, `in vain: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** Of the first so many devices, those below a percentage of a rollout. */
function below(percent: number, id: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => ({ site: 'ulm', line: `line-${i % 3}`, name: `edge-${i}` }))
    .filter((device) => lotOf(id, device).share < percent)
    .map(({ name }) => name);
}

test('a good model reaches every device, wave by wave, and status shows it', { skip }, async () => {
  const { fleet, devices, message } = await startFleet(12);
  const { code, stdout, stderr } = await fleet('rollout', ...WHAT, ...QUICK, '--waves', '30,100');
  assert.equal(code, 0, stdout + stderr);
  assert.match(stderr, /wave 1 of 2, 30 %/);
  assert.match(stdout, /12 of 12 devices run bracket@1\.4\.0/);
  assert.ok(devices.every(({ brought, version }) => brought.length === 1 && version === '1.4.0'));
  assert.equal(message()?.devices.percent, 100);
  const shown = await fleet('status', '--check');
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /^ulm\/line-0\/edge-0 +yes +bracket@1\.4\.0 +bracket@1\.4\.0 +active/m);
  assert.match(shown.stdout, /12 devices, 12 online, 0 refused or rolled back/);
  const { devices: listed } = JSON.parse((await fleet('status', '--json', '--line', 'line-1')).stdout);
  assert.deepEqual(
    listed.map(({ device }: { device: { name: string } }) => device.name),
    ['edge-1', 'edge-10', 'edge-4', 'edge-7'],
  );
});

for (const fate of ['refused', 'rolled back'] as const) {
  test(`a model that is ${fate} stops at the first wave that has a device, and no other device has tried it`, {
    skip,
  }, async () => {
    const { fleet, devices, message } = await startFleet(12, () => fate);
    const { code, stdout, stderr } = await fleet('rollout', ...WHAT, ...QUICK, '--waves', '40,70,100');
    assert.equal(code, 1, stdout);
    assert.match(stderr, /is halted: \d+ devices failed.*SG_ROLLOUT_FAILED/);
    const last = message() as RolloutMessage;
    assert.equal(last.state, 'halted');
    const first = [40, 70, 100].find((percent) => below(percent, last.id, 12).length > 0) as number;
    assert.equal(last.devices.percent, first);
    const tried = devices.flatMap(({ brought }, i) => (brought.length > 0 ? [`edge-${i}`] : []));
    assert.deepEqual(tried.sort(), below(first, last.id, 12).sort());
    const shown = await fleet('status', '--check', '--model', 'bracket');
    assert.equal(shown.code, 1);
    assert.match(shown.stdout, new RegExp(fate));
  });
}

test('so many devices may fail as the operator says', { skip }, async () => {
  const { fleet, message } = await startFleet(6, () => 'refused');
  const { code, stdout } = await fleet('rollout', ...WHAT, ...QUICK, '--waves', '100', '--max-failures', '6');
  assert.equal(code, 0, stdout);
  assert.equal(message()?.state, 'running');
  assert.equal(stdout.match(/^failed: /gm)?.length, 6);
});

test('an interrupt leaves the rollout at its wave, --resume goes on, and withdraw takes it back', {
  skip,
}, async () => {
  let fate: 'hangs' | 'active' = 'hangs';
  const { fleet, devices, message, url } = await startFleet(6, () => fate);
  const program = join(PACKAGE_ROOT, 'bin', 'sideglance.mjs');
  const args = ['fleet', 'rollout', '--broker', url, ...WHAT, ...QUICK, '--waves', '60,100'];
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  await until('a device has begun', () => devices.some(({ brought }) => brought.length > 0));
  child.kill('SIGINT');
  const [code] = await once(child, 'close');
  assert.equal(code, 130);
  assert.match(said, /--resume` goes on with the waves/);
  const { id } = message() as RolloutMessage;
  assert.equal(message()?.state, 'running');
  const begun = devices.filter(({ brought }) => brought.length > 0).length;

  const another = await fleet('rollout', ...WHAT, ...QUICK);
  assert.equal(another.code, 2);
  assert.match(another.stderr, /--resume, `sideglance fleet halt`, or --replace it/);

  assert.equal((await fleet('halt', '--model', 'bracket')).code, 0);
  fate = 'active';
  const resumed = await fleet('rollout', '--resume', '--model', 'bracket', '--waves', '60,100', '--wait', '60s');
  assert.equal(resumed.code, 0, resumed.stdout + resumed.stderr);
  assert.equal(message()?.id, id);
  assert.ok(devices.every(({ version }) => version === '1.4.0'));
  assert.equal(devices.filter(({ brought }) => brought.length === 2).length, begun);

  const back = await fleet('withdraw', '--model', 'bracket', '--wait', '60s');
  assert.equal(back.code, 0, back.stdout + back.stderr);
  assert.match(back.stdout, /6 of 6 devices have gone back/);
  assert.ok(devices.every(({ version }) => version === '1.0.0'));
});

test('a broker that does not take the message is told of, by its access rules', { skip }, async () => {
  const files = { acl: 'topic read sideglance/#\ntopic write sideglance/ulm/#\n' };
  const { fleet, message } = await startFleet(1, undefined, { conf: 'acl_file <folder>/acl', files });
  const { code, stderr } = await fleet('rollout', ...WHAT, ...QUICK);
  assert.equal(code, 1);
  assert.match(stderr, /does not (take|give).*sideglance\/rollout\/bracket.*correct its access rules.*SG_BROKER/);
  assert.equal(message(), null);
});

for (const [what, args, says] of [
  ['no model', ['--url', 'http://a.example/b.tar'], /--file, or by --model, --version and --sha256/],
  ['no URL', WHAT.filter((arg) => !arg.startsWith('http') && arg !== '--url'), /--url/],
  [
    'a URL that is no web address',
    [...WHAT, '--url', 'ftp://a.example/b.tar'],
    /devices would refuse this rollout: url/,
  ],
  ['a digest that is none', [...WHAT, '--sha256', 'abc'], /sha256/],
  ['waves that fall', [...WHAT, '--waves', '50,20'], /rising percentages/],
  ['a time without unit', [...WHAT, '--wait', '30'], /such as 90s/],
] as const) {
  test(`a command line with ${what} is refused before anybody is connected to`, async () => {
    const { code, stderr } = await sideglance(['fleet', 'rollout', '--broker', 'mqtt://127.0.0.1:1', ...args]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, says);
  });
}

test('a file that no key has signed, or that is no bundle, is refused before anybody is connected to', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sideglance-fleet-'));
  closeAtTheEnd(async () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'bundle.tar');
  writeFileSync(file, 'nothing');
  const options = ['--broker', 'mqtt://127.0.0.1:1', '--url', 'http://a.example/b.tar', '--file', file];
  const { code, stderr } = await sideglance(['fleet', 'rollout', ...options]);
  assert.equal(code, 1);
  assert.match(stderr, /SG_BUNDLE_ARCHIVE/);
});

test('without a broker it says what to do', async () => {
  const none = await sideglance(['fleet', 'status']);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /--broker mqtts:\/\/host:8883, or --config/);
  const gone = await sideglance(['fleet', 'status', '--broker', 'mqtt://127.0.0.1:1']);
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /does not listen there.*SG_BROKER/);
});
