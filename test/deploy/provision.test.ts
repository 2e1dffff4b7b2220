import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectAsync, type MqttClient } from 'mqtt';
import { loadConfig } from '../../src/config/load.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { closeAtTheEnd } from '../publish/support/leftovers.js';
import { startMosquitto, withoutMosquitto } from '../publish/support/mosquitto.js';

const SCRIPT = join(PACKAGE_ROOT, 'deploy', 'fleet', 'provision.sh');
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const skip = withoutMosquitto || (hasOpenssl ? false : 'openssl is not installed');

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sideglance-fleet-'));
  closeAtTheEnd(() => rm(path, { recursive: true, force: true }));
  return path;
}

function provision(out: string, ...devices: string[]): string {
  return execFileSync(SCRIPT, ['--broker', 'localhost:8883', '--out', out, ...devices], { encoding: 'utf8' });
}

/** As a device connects, with the files that it was given; null: without a certificate. */
function connectAs(port: number, out: string, device: string | null): Promise<MqttClient> {
  const read = (name: string) => readFileSync(join(out, 'devices', device ?? '', name));
  return connectAsync(`mqtts://localhost:${port}`, {
    protocolVersion: 5,
    reconnectPeriod: 0,
    ca: readFileSync(join(out, 'ca', 'ca.pem')),
    ...(device === null ? {} : { cert: read('device.pem'), key: read('device.key') }),
  });
}

test('each device is known to the broker by its certificate, and publishes below its own topics alone', {
  skip,
}, async () => {
  const out = folder();
  provision(out, 'ulm/press-3/edge-1', 'ulm/press-3/edge-2');
  const written = readFileSync(join(out, 'broker', 'mosquitto.conf'), 'utf8');
  const conf = written
    .replaceAll('/etc/mosquitto/sideglance', join(out, 'broker'))
    .replace(/^listener 8883$/m, 'listener <port>')
    // It would keep its messages in the folder that the test runs in.
    .replace(/^persistence true$/m, '');
  // The test's own listener comes first; the rules of the file hold for both.
  const plain = await startMosquitto();
  await plain.stop();
  const broker = await startMosquitto({ conf: conf.replace('<port>', String(plain.port)) });
  const first = await connectAs(plain.port, out, 'ulm-press-3-edge-1');
  await first.publishAsync('sideglance/ulm/press-3/edge-1/top/inspection', '{}', { qos: 1 });
  await assert.rejects(
    first.publishAsync('sideglance/ulm/press-3/edge-2/top/inspection', '{}', { qos: 1 }),
    /Not authorized/,
  );
  await assert.rejects(first.publishAsync('sideglance/rollout/bracket', '{}', { qos: 1 }), /Not authorized/);
  const [own] = await first.subscribeAsync('sideglance/ulm/press-3/edge-1/command/+', { qos: 1 });
  assert.equal(own?.qos, 1);
  await first.endAsync(true);
  await assert.rejects(connectAs(plain.port, out, null));
  await broker.stop();
});

test('a second run adds devices, and keeps keys, certificates and what was configured', { skip }, () => {
  const out = folder();
  provision(out, 'ulm/press-3/edge-1');
  const files = ['ca/ca.key', 'ca/ca.pem', 'broker/server.pem', 'devices/ulm-press-3-edge-1/device.pem'];
  const before = files.map((file) => readFileSync(join(out, file), 'utf8'));
  const said = provision(out, 'ulm/press-3/edge-1', 'ulm/press-4/edge-1');
  assert.doesNotMatch(said, /new .*press-3/);
  assert.match(said, /new .*press-4/);
  assert.deepEqual(
    files.map((file) => readFileSync(join(out, file), 'utf8')),
    before,
  );
  const acl = readFileSync(join(out, 'broker', 'acl'), 'utf8');
  assert.match(acl, /user sideglance-ulm-press-3-edge-1\ntopic write sideglance\/ulm\/press-3\/edge-1\/#/);
  assert.match(acl, /user sideglance-ulm-press-4-edge-1\n/);
  assert.equal(acl.match(/^topic read sideglance\/rollout\/#$/gm)?.length, 2);
  assert.equal(statSync(join(out, 'ca', 'ca.key')).mode & 0o077, 0);
});

test('the configuration of a device is one that the agent takes', { skip }, () => {
  const out = folder();
  provision(out, 'ulm/press-3/edge-1');
  const { device, mqtt } = loadConfig(join(out, 'devices', 'ulm-press-3-edge-1', 'config.yaml'));
  assert.deepEqual(device, { site: 'ulm', line: 'press-3', name: 'edge-1' });
  assert.equal(mqtt.url, 'mqtts://localhost:8883');
});

test('names that are none, that are there twice, or that would share a client id are refused, and nothing is made of them', {
  skip,
}, () => {
  const out = folder();
  const refused = (message: RegExp, ...devices: string[]) => {
    const { status, stderr } = spawnSync(SCRIPT, ['--broker', 'localhost', '--out', out, ...devices], {
      encoding: 'utf8',
    });
    assert.equal(status, 2);
    assert.match(stderr, message);
  };
  refused(/ulm\/press: must be SITE\/LINE\/DEVICE/, 'ulm/press');
  refused(/must be SITE\/LINE\/DEVICE/, 'ulm/press/../../x');
  refused(/ulm\/press\/edge is named twice/, 'ulm/press/edge', 'ulm/press/edge');
  refused(/no device was named/);
  provision(out, 'ulm/press-3/edge');
  refused(/would have the same client id as ulm\/press-3\/edge/, 'ulm-press/3/edge');
});
