import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import type { SideglanceError } from '../../src/errors.js';
import type { MqttTls } from '../../src/publish/options.js';
import { type Authority, type KeyPair, makeAuthority } from './support/certificates.js';
import { inspection, mapOf, publisherFor, reach } from './support/inspections.js';
import { startMosquitto, withoutMosquitto } from './support/mosquitto.js';

const skip = withoutMosquitto;

let plant: Authority;
let server: KeyPair;
let device: KeyPair;
before(() => {
  plant = makeAuthority();
  server = plant.issue('server');
  device = plant.issue('device');
});

async function startTlsBroker({ cert, key }: KeyPair, more = '') {
  const files = `cafile ${plant.ca}\ncertfile ${cert}\nkeyfile ${key}`;
  const broker = await startMosquitto({ conf: `${files}\n${more}` });
  return { ...broker, url: `mqtts://127.0.0.1:${broker.port}` };
}

async function faultWith(url: string, tls: MqttTls): Promise<string> {
  const publisher = publisherFor(url, { mqtt: { url, tls } });
  publisher.start();
  const { error } = await reach(publisher, 'offline');
  await publisher.stop();
  assert.equal(error.code, 'SG_BROKER');
  return error.message;
}

test('a broker that wants a certificate of ours is spoken to with it, and each way not to have it is a fault of its own', {
  skip,
}, async () => {
  const broker = await startTlsBroker(server, 'require_certificate true');
  const { url } = broker;
  const { ca } = plant;
  const foreign = makeAuthority();
  assert.match(await faultWith(url, device), /nobody we trust has signed.*mqtt\.tls\.ca/);
  assert.match(await faultWith(url, { ...device, ca: foreign.ca }), /nobody we trust has signed.*mqtt\.tls\.ca/);
  assert.match(
    await faultWith(url, { ...device, ca: '/nowhere/ca.pem' }),
    /^mqtt\.tls\.ca: \/nowhere\/ca\.pem cannot be read/,
  );
  assert.match(await faultWith(url, { ca, ...device, key: server.key }), /check mqtt\.tls/);
  assert.match(await faultWith(url, { ca }), /wants? a certificate of this device.*mqtt\.tls\.cert/);
  assert.match(await faultWith(url, { ca, ...plant.issue('old', { days: -1 }) }), /as expired: renew mqtt\.tls\.cert/);
  assert.match(await faultWith(url, { ca, ...foreign.issue('stranger') }), /does not trust who has signed/);
  assert.match(
    await faultWith(url, { ca, ...device, serverName: 'other.plant' }),
    /certificate for another name.*serverName/,
  );
  assert.match(await faultWith(url.replace('mqtts', 'mqtt'), {}), /may want TLS/);

  const publisher = publisherFor(url, { mqtt: { url, tls: { ca, ...device } } });
  publisher.start();
  await reach(publisher, 'online');
  publisher.publishInspection(inspection(0), [await mapOf('face')]);
  assert.deepEqual(await publisher.stop(), { undelivered: 0 });
  await broker.stop();
});

test('a broker whose certificate has expired, and one that speaks no TLS, are told apart', { skip }, async () => {
  const expired = await startTlsBroker(plant.issue('expired-server', { days: -1 }));
  assert.match(await faultWith(expired.url, { ca: plant.ca }), /not valid now \(CERT_HAS_EXPIRED\): renew it/);
  await expired.stop();
  const open = await startMosquitto();
  assert.match(await faultWith(`mqtts://127.0.0.1:${open.port}`, { ca: plant.ca }), /not speak TLS on this port/);
  await open.stop();
});

for (const protocol of ['mqtts', 'wss'] as const) {
  test(`the server name is what is asked for (SNI) and what the certificate must carry (${protocol})`, async () => {
    const { cert, key } = plant.issue('named', { names: 'DNS:broker.plant' });
    const asked: (string | false)[] = [];
    const tls = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, (socket) => {
      asked.push(socket.servername ?? '');
      socket.destroy();
    });
    tls.on('tlsClientError', () => {});
    tls.listen(0, '127.0.0.1');
    await once(tls, 'listening');
    const address = tls.address();
    const url = `${protocol}://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
    await faultWith(url, { ca: plant.ca, serverName: 'broker.plant' });
    assert.equal(asked[0], 'broker.plant');
    await new Promise<void>((done) => tls.close(() => done()));
  });
}

test('renewed files are used without a restart, and not before they belong together; nothing is lost', {
  skip,
}, async () => {
  const folder = makeAuthority();
  const inUse = folder.issue('in-use');
  const put = (from: KeyPair) => {
    copyFileSync(from.cert, inUse.cert);
    copyFileSync(from.key, inUse.key);
  };
  const [first, second] = [plant.issue('first'), plant.issue('second')];
  put(first);
  const broker = await startTlsBroker(server, 'require_certificate true');
  const tls = { ca: plant.ca, ...inUse };
  const publisher = publisherFor(broker.url, { mqtt: { url: broker.url, tls }, limits: { certificateCheckMs: 20 } });
  const faults: SideglanceError[] = [];
  publisher.on('fault', (error) => faults.push(error));
  publisher.start();
  await reach(publisher, 'online');

  // The certificate is replaced before its key: the pair is of no use yet.
  copyFileSync(second.cert, inUse.cert);
  await until(() => faults.length > 0);
  assert.match(faults[0]?.message ?? '', /new files of mqtt\.tls are of no use.*belong together/);
  publisher.publishInspection(inspection(0), []);
  await until(() => publisher.counters().delivered.verdict === 1);
  assert.equal(publisher.counters().connections, 1);

  copyFileSync(second.key, inUse.key);
  await until(() => publisher.counters().connections === 2);
  assert.equal(publisher.state.state, 'online');
  assert.equal(publisher.counters().lastFault, null);
  publisher.publishInspection(inspection(1), []);
  await until(() => publisher.counters().delivered.verdict === 2);

  // One that the broker refuses does not take the place of one that works.
  put(makeAuthority().issue('stranger'));
  await until(() => faults.length > 1);
  assert.match(faults[1]?.message ?? '', /does not trust who has signed/);
  assert.equal(publisher.state.state, 'online');
  publisher.publishInspection(inspection(2), []);
  await until(() => publisher.counters().delivered.verdict === 3);
  assert.deepEqual([publisher.counters().connections, faults.length], [2, 2]);
  await publisher.stop();
  await broker.stop();
});

async function until(isSo: () => boolean, timeoutMs = 10_000): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  while (!isSo()) {
    if (performance.now() > giveUpAt) throw new Error(`${timeoutMs} ms without: ${isSo}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}
