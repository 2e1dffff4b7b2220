import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { healthSchema } from '../src/publish/health-message.js';
import type { HealthMessage } from '../src/publish/messages.js';
import { Subscriber } from './publish/support/subscriber.js';
import { writeBrightnessBundle } from './support/brightness-bundle.js';
import { BOUND_MS, Daemon, freePort } from './support/daemon.js';
import { type Family, parseOpenMetrics, sampleValue } from './support/openmetrics.js';

let folder: string;
let model: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sideglance-monitoring-'));
  model = join(folder, 'model');
  await writeBrightnessBundle(model);
});
after(() => rm(folder, { recursive: true, force: true }));

/** Frames that are black and white in turn: good and bad parts of the brightness model. */
function blinking(name: string, more: object = {}): object {
  const pipeline = 'videotestsrc is-live=true pattern=blink ! video/x-raw,width=512,height=512,framerate=10/1';
  return {
    name,
    camera: { type: 'pipeline', pipeline },
    model,
    threshold: { score: 0.5 },
    deadlineMs: 60_000,
    ...more,
  };
}

async function scrape(url: string): Promise<Map<string, Family>> {
  const response = await fetch(`${url}/metrics`, {
    headers: { accept: 'application/openmetrics-text; version=1.0.0' },
  });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'application/openmetrics-text; version=1.0.0; charset=utf-8');
  return parseOpenMetrics(await response.text());
}

async function health(url: string, path = '/health'): Promise<{ status: number; message: HealthMessage }> {
  const response = await fetch(url + path);
  return { status: response.status, message: healthSchema.parse(await response.json()) };
}

async function eventually<Value>(
  what: string,
  read: () => Promise<Value>,
  isSo: (value: Value) => boolean,
): Promise<Value> {
  const end = Date.now() + BOUND_MS;
  for (;;) {
    const value = await read();
    if (isSo(value)) return value;
    assert.ok(Date.now() < end, `waited ${BOUND_MS} ms in vain for ${what}: ${JSON.stringify(value)}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

test('a running daemon is ready, and its metrics count what it does; an outage of one station shows in both', async () => {
  const port = await freePort();
  const daemon = await Daemon.start([blinking('press'), blinking('mill')], { more: { http: { port } } });
  const url = `http://127.0.0.1:${port}`;
  await daemon.until(
    'it works',
    () => /press +(PASS|FAIL)/.test(daemon.lines) && /mill +(PASS|FAIL)/.test(daemon.lines),
  );
  const well = await eventually(
    'readiness',
    () => health(url),
    ({ status }) => status === 200,
  );
  assert.deepEqual([well.message.live, well.message.ready, well.message.reasons], [true, true, []]);

  const families = await eventually(
    'delivered verdicts',
    () => scrape(url),
    (now) => {
      const published = { station: 'press', stage: 'publish' };
      return (sampleValue(now, 'sideglance_stage_duration_seconds_count', published) ?? 0) > 0;
    },
  );
  const press = { station: 'press' };
  assert.ok(sampleValue(families, 'sideglance_parts_total', { ...press, verdict: 'fail' })! > 0);
  assert.ok(sampleValue(families, 'sideglance_stage_duration_seconds_count', { ...press, stage: 'network' })! > 0);
  assert.ok(sampleValue(families, 'sideglance_region_score_ratio_count', { ...press, region: 'frame' })! > 0);
  assert.equal(sampleValue(families, 'sideglance_camera_state', { ...press, state: 'running' }), 1);
  assert.ok(sampleValue(families, 'sideglance_station_resident_memory_bytes', press)! > 1e7);
  assert.ok(sampleValue(families, 'sideglance_agent_resident_memory_bytes')! > 1e7);
  assert.equal(sampleValue(families, 'sideglance_broker_connected'), 1);

  const [station] = daemon.stations();
  process.kill(station as number, 'SIGKILL');
  const down = await eventually(
    'the outage',
    () => health(url, '/health/ready'),
    ({ status }) => status === 503,
  );
  assert.equal(down.message.live, true);
  assert.ok(down.message.reasons.some(({ reason }) => /^(station-(restarting|starting)|camera-)/.test(reason)));
  assert.equal((await health(url, '/health/live')).status, 200);
  await eventually(
    'its end',
    () => health(url),
    ({ status }) => status === 200,
  );

  // The message on MQTT is the same.
  const subscriber = await Subscriber.open(daemon.brokerUrl, 4);
  const published = () => subscriber.on('/health').at(-1)?.json<HealthMessage>();
  await subscriber.until('health on MQTT', () => published()?.ready === true, BOUND_MS);
  daemon.process.kill('SIGTERM');
  assert.equal((await daemon.ended).code, 0);
});

test('a port that is taken ends the start and says what to do', async () => {
  const port = await freePort();
  const other = createServer().listen(port, '127.0.0.1');
  const daemon = await Daemon.start([blinking('press')], { more: { http: { port } } });
  assert.notEqual((await daemon.ended).code, 0);
  other.close();
  assert.match(daemon.log, /SG_HTTP/);
  assert.match(daemon.log, /http\.port/);
});
