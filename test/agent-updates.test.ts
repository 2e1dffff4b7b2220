/** Models that come to the real daemon: by command from a server, by Sparkplug, and as files in its folder. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect } from 'mqtt';
import { makeSigners } from '../bench/updates/small-bundle.js';
import type { CommandName } from '../src/config/commands.js';
import { packBundle } from '../src/model/bundle/pack.js';
import { keySetFile } from '../src/model/signing/key-set.js';
import { type AnswerMessage, type AuditMessage, RESULT_SCHEMAS } from '../src/publish/command-messages.js';
import type { InspectionMessage } from '../src/publish/messages.js';
import { type UpdateMessage, type UpdateReport, updateSchema } from '../src/publish/update-message.js';
import { EVERYTHING } from './commands/support.js';
import { SparkplugHost } from './publish/sparkplug/support/host.js';
import { closeAtTheEnd } from './publish/support/leftovers.js';
import { Subscriber } from './publish/support/subscriber.js';
import { writeBrightnessBundle } from './support/brightness-bundle.js';
import { BOUND_MS, Daemon } from './support/daemon.js';
import { signFolder } from './support/signing.js';
import { sendFile, serve } from './updates/download/server.js';

const ROOT = 'sideglance/plant/line/device';
const folder = await mkdtemp(join(tmpdir(), 'sideglance-agent-updates-'));
after(() => rm(folder, { recursive: true, force: true }));
const { keySet, trusted, stranger } = makeSigners(1);
const keys = join(folder, 'keys.json');
await writeFile(keys, keySetFile(keySet));

/** An archive of a model of this version, and its SHA-256. */
async function archive(version: string, signers = trusted.slice(0, 1)) {
  const bundle = join(folder, `${version}-${signers.length}`);
  const file = `${bundle}.tar`;
  await writeBrightnessBundle(bundle, { version });
  await signFolder(bundle, signers);
  await packBundle(bundle, file);
  const bytes = await readFile(file);
  return { file, bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** A station that runs `store:brightness`, of which nothing is installed yet. */
async function deviceFor(from: readonly string[], more: object = {}) {
  const caps = 'video/x-raw,width=64,height=64,framerate=20/1';
  const station = {
    name: 'press',
    camera: { type: 'pipeline', pipeline: `videotestsrc is-live=true pattern=blink ! ${caps}` },
    model: 'store:brightness',
    threshold: { score: 0.5 },
    deadlineMs: 60_000,
  };
  const { models = {}, ...others } = more as { models?: object };
  const daemon = await Daemon.start([station], {
    more: {
      commands: { enabled: true, allow: EVERYTHING },
      models: { keys, trustClock: true, download: { from }, ...models },
      ...others,
    },
  });
  return { daemon, ...(await listenTo(daemon)) };
}

async function listenTo(daemon: Daemon) {
  await daemon.until('it listens', () => daemon.lines.includes('mosquitto_sub'));
  const subscriber = await Subscriber.open(daemon.brokerUrl, 4);
  const mqtt = connect(daemon.brokerUrl, { protocolVersion: 4 });
  closeAtTheEnd(() => mqtt.endAsync(true));
  const answers = (id: string) =>
    subscriber
      .on(`${ROOT}/answer`)
      .map((one) => one.json<AnswerMessage>())
      .filter((answer) => answer.id === id);
  const reports = (key: string): UpdateReport[] =>
    subscriber
      .on(`${ROOT}/update`)
      .map((one) => one.json<UpdateMessage>())
      .flatMap(({ updates }) => updates.filter((one) => one.key === key));
  const order = (name: CommandName, id: string, fields: object) =>
    mqtt.publishAsync(`${ROOT}/command/${name}`, JSON.stringify({ id, ...fields }), { qos: 1 });
  const send = async (name: CommandName, id: string, fields: object = {}): Promise<AnswerMessage> => {
    const before = answers(id).length;
    await order(name, id, fields);
    await subscriber.until(`an answer to ${name} ${id}`, () => answers(id).length > before, BOUND_MS);
    const answer = answers(id).at(-1) as AnswerMessage;
    if (answer.outcome === 'done') assert.deepEqual(RESULT_SCHEMAS[name].parse(answer.result), answer.result);
    return answer;
  };
  /** The phases that it went through, as far as they were told. */
  const phases = (key: string) => [...new Set(reports(key).map(({ phase }) => phase))];
  const untilPhase = (key: string, phase: UpdateReport['phase']) =>
    subscriber.until(`${key} is ${phase}`, () => reports(key).at(-1)?.phase === phase, BOUND_MS);
  const untilJudgedBy = (version: string) => {
    const last = () => subscriber.on('/press/inspection').at(-1)?.json<InspectionMessage>().model;
    return subscriber.until(`a verdict of ${version}`, () => last() === `brightness@${version}`, BOUND_MS);
  };
  return { subscriber, order, send, reports, phases, untilPhase, untilJudgedBy };
}

test('a model is installed from a server, confirmed, replaced and rolled back by command, and each says how far it is', async () => {
  const [one, two, three] = [await archive('1.0.0'), await archive('2.0.0'), await archive('3.0.0')];
  const files = new Map([one, two, three].map(({ bytes }, i) => [`/models/${i + 1}.tar`, bytes]));
  const server = await serve((request, response) => {
    const bytes = files.get(request.url ?? '');
    if (bytes === undefined) response.writeHead(404).end();
    else sendFile(bytes, { request, response });
  });
  const url = (name: string) => `${server.url}/models/${name}`;
  const { daemon, subscriber, send, reports, phases, untilPhase, untilJudgedBy } = await deviceFor([
    `${server.url}/models/`,
  ]);

  const installed = await send('model.install', 'a', { url: url('1.tar'), sha256: one.sha256, activate: true });
  assert.deepEqual(installed.result, {
    model: 'brightness',
    version: '1.0.0',
    state: 'active',
    planned: false,
    stations: ['press'],
  });
  await untilPhase('a', 'active');
  await untilJudgedBy('1.0.0');
  for (const phase of ['downloading', 'verifying', 'proving', 'active'] as const) {
    assert.ok(phases('a').includes(phase), `${phase} in ${phases('a').join(', ')}`);
  }
  for (const message of subscriber.on('/update')) {
    assert.deepEqual(updateSchema.parse(message.json()), message.json());
  }

  await send('model.install', 'b', { url: url('2.tar'), sha256: two.sha256, activate: true });
  await untilPhase('b', 'probation');
  await untilJudgedBy('2.0.0');
  const confirmed = await send('model.confirm', 'c', { model: 'brightness', version: '2.0.0' });
  assert.deepEqual(confirmed.result, {
    model: 'brightness',
    version: '2.0.0',
    state: 'confirmed',
    planned: false,
    stations: ['press'],
  });
  await untilPhase('b', 'active');

  const third = await send('model.install', 'd', { url: url('3.tar'), sha256: three.sha256 });
  assert.deepEqual(third.result, {
    model: 'brightness',
    version: '3.0.0',
    state: 'installed',
    planned: false,
    stations: [],
  });
  await untilPhase('d', 'installed');
  const activated = await send('model.activate', 'e', { model: 'brightness', version: '3.0.0' });
  assert.deepEqual(activated.result, {
    model: 'brightness',
    version: '3.0.0',
    state: 'active',
    planned: false,
    stations: ['press'],
  });
  await untilPhase('e', 'probation');
  await untilJudgedBy('3.0.0');
  const back = await send('model.rollback', 'f');
  assert.deepEqual(back.result, {
    model: 'brightness',
    version: '2.0.0',
    state: 'rolled back',
    planned: false,
    stations: ['press'],
  });
  assert.deepEqual(await send('model.rollback', 'f'), back, 'the same command again goes back no further');
  await untilPhase('e', 'rolled back');
  assert.equal(reports('e').at(-1)?.code, 'SG_BUNDLE_PROBATION');
  assert.match(reports('e').at(-1)?.reason ?? '', /by the command f/);
  await untilJudgedBy('2.0.0');
  assert.equal((await send('model.activate', 'g', { model: 'brightness', version: '3.0.0' })).code, 'SG_BUNDLE_BARRED');
  const audit = () => subscriber.on('/audit').map((message) => message.json<AuditMessage>());
  assert.ok(audit().some(({ event, command }) => event === 'repeated' && command === 'model.rollback'));

  const refusals = {
    SG_BUNDLE_DIGEST: { url: url('2.tar'), sha256: three.sha256 },
    SG_BUNDLE_URL: { url: `${server.url}/secret`, sha256: one.sha256 },
    SG_BUNDLE_DOWNLOAD: { url: url('nothing.tar'), sha256: one.sha256 },
    SG_BUNDLE_DOWNGRADE: { url: url('1.tar'), sha256: one.sha256 },
  };
  for (const [code, wanted] of Object.entries(refusals)) {
    assert.equal((await send('model.install', code, wanted)).code, code);
    await untilPhase(code, 'refused');
    assert.equal(reports(code).at(-1)?.code, code);
  }
  assert.equal(server.seen.filter(({ path }) => path === '/secret').length, 0);
  for (const [version, signers, code] of [
    ['4.0.0', [], 'SG_BUNDLE_UNSIGNED'],
    ['5.0.0', [stranger], 'SG_BUNDLE_UNTRUSTED'],
  ] as const) {
    const { bytes, sha256 } = await archive(version, [...signers]);
    files.set(`/models/${version}.tar`, bytes);
    assert.equal((await send('model.install', code, { url: url(`${version}.tar`), sha256 })).code, code);
  }
  const elsewhere = { model: 'brightness', version: '2.0.0', stations: ['side'] };
  assert.equal((await send('model.activate', 'h', elsewhere)).code, 'SG_COMMAND_UNKNOWN');
  assert.equal((await send('model.rollback', 'i', { stations: ['side'] })).code, 'SG_COMMAND_UNKNOWN');
  assert.equal((await send('model.confirm', 'k', { model: 'brightness', version: '3.0.0' })).code, 'SG_STORE');

  daemon.process.kill('SIGTERM');
  await daemon.ended;
  const again = await listenTo(daemon.again());
  await again.subscriber.until('the reports', () => again.reports('e').length > 0, BOUND_MS);
  assert.equal(again.reports('e').at(-1)?.phase, 'rolled back');
});

test('a model that is to take over later, or to look at parts first, is planned, and says so', async () => {
  const [three, four] = [await archive('3.1.0'), await archive('4.0.0')];
  const server = await serve((request, response) =>
    sendFile(request.url === '/4.tar' ? four.bytes : three.bytes, { request, response }),
  );
  const { send, untilPhase, untilJudgedBy } = await deviceFor([`${server.url}/`]);
  const first = { url: `${server.url}/3.tar`, sha256: three.sha256, activate: true };
  assert.equal((await send('model.install', 'first', first)).outcome, 'done');
  await untilJudgedBy('3.1.0');

  const fourth = { url: `${server.url}/4.tar`, sha256: four.sha256, when: '2999-01-01T00:00:00Z' };
  assert.equal(
    (await send('model.install', 'later-0', fourth)).code,
    'SG_COMMAND_MALFORMED',
    'it is not to be used at all',
  );
  const later = await send('model.install', 'later-1', { ...fourth, activate: true });
  assert.deepEqual(later.result, {
    model: 'brightness',
    version: '4.0.0',
    state: 'installed',
    planned: true,
    stations: ['press'],
  });
  await untilPhase('later-1', 'scheduled');
  const shadow = { parts: 0, minutes: 1000 };
  const beside = await send('model.activate', 'later-2', { model: 'brightness', version: '4.0.0', shadow });
  assert.deepEqual(beside.result, {
    model: 'brightness',
    version: '4.0.0',
    state: 'installed',
    planned: true,
    stations: ['press'],
  });
  await untilPhase('later-2', 'shadow');
  await send('model.activate', 'later-3', { model: 'brightness', version: '4.0.0' });
  await untilPhase('later-3', 'probation');
  await untilPhase('later-1', 'probation');
  await untilJudgedBy('4.0.0');
});

test('what was being fetched when the daemon ended is told as ended, and is gone on with', async () => {
  const { bytes, sha256 } = await archive('1.1.0');
  let isFree = false;
  const server = await serve((request, response) =>
    sendFile(bytes, { request, response, tag: '"it"', ...(!isFree && { breakAfter: bytes.byteLength / 2 }) }),
  );
  const first = await deviceFor([server.url]);
  const wanted = { url: `${server.url}/a.tar`, sha256, activate: true };
  await first.order('model.install', 'a', wanted);
  const downloads = join((await findStore(first.daemon)) as string, 'downloads', sha256);
  await first.daemon.until('half of it is there', () => first.reports('a').some(({ percent }) => (percent ?? 0) > 0));
  first.daemon.process.kill('SIGKILL');
  await first.daemon.ended;
  const left = (await readFile(downloads)).byteLength;
  isFree = true;
  const second = await listenTo(first.daemon.again());
  await second.untilPhase('a', 'refused');
  assert.equal(second.reports('a').at(-1)?.code, 'SG_COMMAND_INTERRUPTED');
  assert.equal((await second.send('model.install', 'b', wanted)).outcome, 'done');
  assert.equal(server.seen.at(-1)?.range, `bytes=${left}-`);
  await second.untilJudgedBy('1.1.0');
  assert.deepEqual(await readdir(join(downloads, '..')), []);
});

test('a bundle in the watched folder is installed and put away; a host makes another version active', async () => {
  const inbox = join(folder, 'inbox');
  const { daemon, send, reports, untilPhase, untilJudgedBy } = await deviceFor([], {
    models: { inbox },
    sparkplug: { enabled: true },
  });
  await mkdir(inbox);
  await copyFile((await archive('1.2.0')).file, join(inbox, 'first.tar'));
  await untilPhase('first.tar', 'active');
  await untilJudgedBy('1.2.0');
  await writeFile(join(inbox, 'half.tar'), (await archive('1.3.0')).bytes.subarray(0, 4_000));
  await untilPhase('half.tar', 'refused');
  assert.equal(reports('half.tar').at(-1)?.origin, 'folder');
  const text = join(inbox, 'refused', 'half.tar.txt');
  await daemon.until('it is put away', () => daemon.events('model.update').length > 0);
  while (!(await readdir(join(inbox, 'refused')).catch((): string[] => [])).includes('half.tar.txt')) {
    await new Promise((done) => setTimeout(done, 10));
  }
  assert.match(await readFile(text, 'utf8'), /\nSG_BUNDLE_ARCHIVE\n/);
  assert.deepEqual(await readdir(join(inbox, 'done')), ['first.tar', 'first.tar.txt']);

  await copyFile((await archive('1.4.0')).file, join(inbox, 'next.tar'));
  await untilPhase('next.tar', 'probation');
  assert.equal((await send('model.confirm', 'c', { model: 'brightness', version: '1.4.0' })).outcome, 'done');
  const host = new SparkplugHost(daemon.brokerUrl, 'plant-line', 'scada');
  await host.goOnline();
  const value = (metric: string) => host.tag(`device/press/${metric}`)?.value;
  await host.rebirth('device');
  await host.until('parts', () => value('Model/Id') === 'brightness@1.4.0', BOUND_MS);
  await host.command('device', 'press', [{ name: 'Control/Model', value: 'brightness@1.2.0' }]);
  await host.until('its answer', () => value('Control/Result') === 'Control/Model: done', BOUND_MS);
  await untilJudgedBy('1.2.0');
  await host.command('device', 'press', [{ name: 'Control/Model', value: 'brightness@7.0.0' }]);
  await host.until('its answer', () => /SG_STORE/.test(String(value('Control/Result'))), BOUND_MS);
});

/** That of a daemon without `models.store`. */
async function findStore(daemon: Daemon): Promise<string | null> {
  const started = daemon.events('agent.started')[0];
  return started === undefined ? null : join(String(started.config), '..', 'var', 'models');
}
