import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startEmbeddedBroker } from '../src/publish/broker.js';
import type { HealthMessage, InspectionMessage } from '../src/publish/messages.js';
import { Subscriber } from './publish/support/subscriber.js';
import { startTcpProxy } from './publish/support/tcp-proxy.js';
import { writeBrightnessBundle } from './support/brightness-bundle.js';
import { BOUND_MS, Daemon, freePort } from './support/daemon.js';
import { isAlive } from './support/processes.js';

let folder: string;
let quick: string;
let slow: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sideglance-agent-'));
  quick = join(folder, 'quick');
  slow = join(folder, 'slow');
  await writeBrightnessBundle(quick);
  await writeBrightnessBundle(slow, { size: 512, ballast: 20 });
});
after(() => rm(folder, { recursive: true, force: true }));

/** A real GStreamer camera whose frames are black and white in turn: good and bad parts of the brightness model. */
function blinking(name: string, more: object = {}, rate = 10): object {
  const size = 512;
  const caps = `video/x-raw,width=${size},height=${size},framerate=${rate}/1`;
  return {
    name,
    camera: { type: 'pipeline', pipeline: `videotestsrc is-live=true pattern=blink ! ${caps}` },
    model: quick,
    threshold: { score: 0.5 },
    deadlineMs: 60_000,
    ...more,
  };
}

function inspections(subscriber: Subscriber, station: string): InspectionMessage[] {
  return subscriber.on(`/${station}/inspection`).map((message) => message.json<InspectionMessage>());
}

test('frames become verdicts on the terminal and on MQTT; SIGTERM ends it with exit code 0 and leaves no process', async () => {
  const daemon = await Daemon.start([blinking('press')]);
  await daemon.until('the greeting is there', () => daemon.lines.includes('mosquitto_sub'));
  const subscriber = await Subscriber.open(daemon.brokerUrl, 4);
  // Frames that nobody had time for are skipped: good and bad ones need not take turns.
  const verdicts = () => new Set(inspections(subscriber, 'press').map(({ verdict }) => verdict));
  await subscriber.until('a good and a bad part', () => verdicts().has('pass') && verdicts().has('fail'), BOUND_MS);
  await daemon.until('a line for each', () => /press +PASS/.test(daemon.lines) && /press +FAIL/.test(daemon.lines));

  const { verdict, regions, part } = inspections(subscriber, 'press').find(({ verdict }) => verdict === 'fail')!;
  assert.equal(verdict, 'fail');
  assert.equal(regions[0]?.name, 'frame');
  assert.ok(Math.abs((regions[0]?.score ?? 0) - 1) < 0.01);
  assert.equal(part.station, 'press');
  await subscriber.until(
    'maps and frames',
    () => subscriber.on('/map').length > 0 && subscriber.on('/frame').length > 0,
    BOUND_MS,
  );
  assert.match(daemon.lines, /press {2}FAIL +1\.00 \/ 0\.50 +\d+ ms {2}frame at \(256, 256\)/);
  assert.match(daemon.lines, /press {2}PASS +0\.00 \/ 0\.50 +\d+ ms {2}frame/);
  const port = daemon.brokerUrl.split(':').at(-1);
  const hint = `mosquitto_sub -h 127.0.0.1 -p ${port} -t 'sideglance/plant/line/device/+/inspection' -v`;
  assert.ok(daemon.lines.includes(hint), daemon.lines);

  const stations = daemon.stations();
  assert.equal(stations.length, 1);
  const begun = performance.now();
  daemon.process.kill('SIGTERM');
  assert.deepEqual(await daemon.ended, { code: 0, signal: null });
  assert.ok(performance.now() - begun < 5_000);
  assert.ok(!stations.some(isAlive));
  await subscriber.until('the farewell', () =>
    subscriber.on('/status').some(({ payload }) => payload.includes('offline')),
  );
});

test('kill -9 of a station: verdicts come back, every part it had accepted is answered, what was open as station lost', async () => {
  const daemon = await Daemon.start([
    blinking('press', { model: slow, publish: { maps: { when: 'never' }, frames: 'never' } }, 30),
  ]);
  await daemon.until('it listens', () => daemon.lines.includes('mosquitto_sub'));
  const subscriber = await Subscriber.open(daemon.brokerUrl, 4);
  const epochs = () => [...new Set(inspections(subscriber, 'press').map(({ part }) => part.epoch))];
  const lost = () => inspections(subscriber, 'press').filter(({ reason }) => reason === 'station lost');

  // The model is so slow that a part is under way nearly always; where none was, it is tried again.
  for (let kills = 1; kills <= 5 && lost().length === 0; kills++) {
    await subscriber.until(
      'verdicts of this life',
      () => {
        const latest = inspections(subscriber, 'press').filter(({ part }) => part.epoch === epochs()[kills - 1]);
        return latest.filter(({ verdict }) => verdict !== 'invalid').length >= 2;
      },
      BOUND_MS,
    );
    const [pid] = daemon.stations();
    process.kill(pid as number, 'SIGKILL');
    await subscriber.until('verdicts of the next life', () => epochs().length > kills, BOUND_MS);
  }

  assert.equal(lost().length, 1);
  assert.match(lost()[0]?.detail ?? '', /the station process was killed by SIGKILL/);
  for (const epoch of epochs().slice(0, -1)) {
    const answered = inspections(subscriber, 'press').filter(({ part }) => part.epoch === epoch);
    // One answer for each part of that life, without a hole.
    assert.deepEqual(
      answered.map(({ part }) => part.sequence),
      answered.map((_, i) => i),
    );
  }
  assert.match(daemon.lines, /press {2}camera lost: the station process was killed by SIGKILL/);
  assert.match(daemon.lines, /INVALID .* station lost/);
  daemon.process.kill('SIGTERM');
  assert.equal((await daemon.ended).code, 0);
});

test('kill -9 of the daemon while the broker is away: the next run delivers what waited, and counts on', async () => {
  const broker = await startEmbeddedBroker({ port: 0 });
  const proxy = await startTcpProxy(broker.port);
  proxy.block();
  const subscriber = await Subscriber.open(broker.url, 4);
  const options = { publish: { maps: { when: 'never' }, frames: 'never' } };
  const first = await Daemon.start([blinking('press', options)], { url: proxy.url });
  await first.until('some verdicts', () => (first.lines.match(/press +(PASS|FAIL)/g) ?? []).length >= 5);
  first.process.kill('SIGKILL');
  await first.ended;
  const made = (first.lines.match(/press +(PASS|FAIL)/g) ?? []).length;

  const second = first.again();
  await second.until('a verdict of its own', () => /press +(PASS|FAIL)/.test(second.lines));
  proxy.mend();
  const stationEpochs = () => new Set(inspections(subscriber, 'press').map(({ part }) => part.epoch));
  await subscriber.until('verdicts of both runs', () => stationEpochs().size === 2, BOUND_MS);
  await subscriber.until('those of the first run', () => inspections(subscriber, 'press').length > made, BOUND_MS);
  second.process.kill('SIGTERM');
  assert.equal((await second.ended).code, 0);
  const received = inspections(subscriber, 'press');
  assert.equal(new Set(received.map(({ delivery }) => delivery.epoch)).size, 1);
  const seqs = [...new Set(received.map(({ delivery }) => delivery.seq))].sort((a, b) => a - b);
  assert.deepEqual(
    seqs,
    seqs.map((_, i) => i),
  );
  const [oldest] = stationEpochs();
  assert.ok(received.filter(({ part }) => part.epoch !== oldest).length > 0);
  await proxy.close();
  await broker.stop();
});

test('a Ctrl-C reaches the whole process group, twice, and still ends it cleanly', async () => {
  const daemon = await Daemon.start([blinking('press'), blinking('mill')]);
  await daemon.until(
    'both work',
    () => /press +(PASS|FAIL)/.test(daemon.lines) && /mill +(PASS|FAIL)/.test(daemon.lines),
  );
  const stations = daemon.stations();
  process.kill(-daemon.pid, 'SIGINT');
  // `npm` hands on the signal that the terminal has sent to everybody already.
  daemon.process.kill('SIGINT');
  assert.deepEqual(await daemon.ended, { code: 0, signal: null });
  assert.equal(stations.length, 2);
  assert.ok(!stations.some(isAlive));
  assert.equal(daemon.events('station.ended').length, 2);
  assert.ok(daemon.events('station.ended').every(({ reason }) => !String(reason).includes('SIGINT')));
  assert.equal(daemon.events('agent.stopped').length, 1);
});

test('a stop while the models are still being loaded is as quick and clean', async () => {
  const daemon = await Daemon.start([blinking('press', { model: slow })]);
  await daemon.until('the station is being started', () => daemon.events('station.started').length === 1);
  daemon.process.kill('SIGTERM');
  assert.deepEqual(await daemon.ended, { code: 0, signal: null });
  assert.doesNotMatch(daemon.lines, /press +(PASS|FAIL)/);
});

test('a second signal ends it at once, its stations too', async () => {
  const daemon = await Daemon.start([blinking('press')]);
  await daemon.until('it works', () => /press +(PASS|FAIL)/.test(daemon.lines));
  const [station] = daemon.stations();
  // A station that hangs holds the orderly stop up.
  process.kill(station as number, 'SIGSTOP');
  daemon.process.kill('SIGINT');
  await new Promise((done) => setTimeout(done, 600));
  daemon.process.kill('SIGINT');
  assert.deepEqual(await daemon.ended, { code: null, signal: 'SIGINT' });
  await daemon.until('the station is gone', () => !isAlive(station as number));
});

test('a station that cannot work says why, and is left alone, while the other one works', async () => {
  const regions = [{ name: 'face', x: 0, y: 0, width: 900, height: 900 }];
  const daemon = await Daemon.start([blinking('good'), blinking('wide', { regions })]);
  await daemon.until('the fault is known', () => daemon.events('station.failed').length === 1);
  const subscriber = await Subscriber.open(daemon.brokerUrl, 4);
  const health = () => subscriber.on('/health').at(-1)?.json<HealthMessage>();
  const stateOf = (name: string) => health()?.stations.find((station) => station.name === name)?.state;
  await subscriber.until('health tells', () => stateOf('wide') === 'failed' && stateOf('good') === 'running', BOUND_MS);
  const before = inspections(subscriber, 'good').length;
  await subscriber.until('the good one works', () => inspections(subscriber, 'good').length > before + 5, BOUND_MS);

  const [good, wide] = health()?.stations ?? [];
  assert.equal(good?.restarts, 0);
  // Both sizes are named.
  assert.match(wide?.reason ?? '', /900.*512/);
  assert.deepEqual(
    daemon.events('station.fault').map(({ station, code }) => [station, code]),
    [['wide', 'SG_REGION_OUTSIDE']],
  );
  // The part that showed it was answered.
  assert.match(daemon.lines, /wide +INVALID .* error: .*900/);
  daemon.process.kill('SIGTERM');
  assert.equal((await daemon.ended).code, 0);
});

test('a deadline that the model cannot keep: every part is answered as late, once, and its verdict is only recorded', async () => {
  const daemon = await Daemon.start([
    blinking('press', { model: slow, deadlineMs: 10, publish: { maps: { when: 'never' }, frames: 'never' } }),
  ]);
  await daemon.until('late verdicts', () => daemon.events('part.late-verdict').length >= 3);
  const subscriber = await Subscriber.open(daemon.brokerUrl, 4);
  const parts = () => subscriber.on('/health').at(-1)?.json<HealthMessage>().stations[0]?.parts;
  await subscriber.until('health counts them', () => (parts()?.lateVerdicts ?? 0) >= 3, BOUND_MS);
  daemon.process.kill('SIGTERM');
  await daemon.ended;
  const late = daemon.events('part.late').map(({ sequence }) => sequence);
  assert.equal(new Set(late).size, late.length);
  assert.doesNotMatch(daemon.lines, /PASS|FAIL/);
});

test('a port that is taken ends the start with a message that says what to do', async () => {
  const port = await freePort();
  const other = createServer().listen(port, '127.0.0.1');
  const daemon = await Daemon.start([blinking('press')], { port });
  assert.notEqual((await daemon.ended).code, 0);
  other.close();
  assert.match(daemon.log, /SG_BROKER/);
  assert.match(daemon.log, /mqtt\.embedded\.port/);
});
