import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HealthMessage } from '../../../src/publish/messages.js';
import { Alarms } from '../../../src/service/alarms/alarms.js';
import { METRICS } from '../../../src/service/metrics/catalogue.js';
import { Metrics } from '../../../src/service/metrics/metrics.js';
import type { Heat } from '../../../src/service/metrics/thermal.js';
import { inspectionOf, regionOf, wellHealth } from '../../support/condition.js';
import { type Family, parseOpenMetrics, sampleValue } from '../../support/openmetrics.js';

const now = () => ({ utc: '', monotonicMs: 0 });
const COOL: Heat = { temperatures: new Map(), cooling: new Map(), throttleEvents: null };

async function read(metrics: Metrics, health: HealthMessage = wellHealth(), heat = COOL): Promise<Map<string, Family>> {
  const outboxAgeMs = { verdict: 1500, map: 0, frame: 0 };
  return parseOpenMetrics(
    await metrics.text({
      health,
      alarms: new Alarms([], now),
      heat,
      outboxAgeMs,
      droppedOutput: { stdout: 0, stderr: 3 },
    }),
  );
}

const TWO_REGIONS = [{ name: 'top', regions: ['face', 'edge'] }];

test('what is served is OpenMetrics, before the first part and after many, and has every metric of the catalogue', async () => {
  const metrics = new Metrics(TWO_REGIONS);
  const names = Object.values(METRICS).map(({ name, type }) =>
    type === 'counter' ? name.replace(/_total$/, '') : name,
  );
  assert.deepEqual([...(await read(metrics)).keys()].sort(), names.sort());
  for (let i = 0; i < 100; i++) {
    metrics.countPart(inspectionOf({ result: 'pass' }, [regionOf('face', i / 50, 1), regionOf('edge', -1, 1)]), 50);
    metrics.countDelivery('top', i);
  }
  const heat = {
    temperatures: new Map([['CPU "A"\\\n', 51.5]]),
    cooling: new Map([['pwm-fan', 0.5]]),
    throttleEvents: 7,
  };
  const families = await read(metrics, wellHealth(), heat);
  assert.equal(sampleValue(families, 'sideglance_temperature_celsius', { zone: 'CPU "A"\\\n' }), 51.5);
  assert.equal(sampleValue(families, 'sideglance_cooling_state_ratio', { device: 'pwm-fan' }), 0.5);
  assert.equal(sampleValue(families, 'sideglance_cpu_throttle_events_total'), 7);
});

test('parts are counted by verdict and reason, from 0 on', async () => {
  const metrics = new Metrics(TWO_REGIONS);
  const count = async (verdict: string) =>
    sampleValue(await read(metrics), 'sideglance_parts_total', { station: 'top', verdict });
  assert.deepEqual([await count('pass'), await count('fail'), await count('invalid')], [0, 0, 0]);
  metrics.countPart(inspectionOf({ result: 'fail' }), 50);
  metrics.countPart(inspectionOf({ result: 'invalid', reason: 'blur' }), 50);
  metrics.countPart(inspectionOf({ result: 'invalid', reason: 'blur' }), 50);
  assert.deepEqual([await count('pass'), await count('fail'), await count('invalid')], [0, 1, 2]);
  const families = await read(metrics);
  const reasons = (reason: string) =>
    sampleValue(families, 'sideglance_parts_invalid_total', { station: 'top', reason });
  assert.deepEqual([reasons('blur'), reasons('late')], [2, 0]);
});

test('each stage has its time in seconds; a verdict that the agent gave in the place of its station has none', async () => {
  const metrics = new Metrics(TWO_REGIONS);
  metrics.countPart(inspectionOf({ result: 'pass' }), 44);
  metrics.countPart(inspectionOf({ result: 'invalid', reason: 'late' }), 1000);
  metrics.countPart(inspectionOf({ result: 'invalid', reason: 'station lost' }), 1000);
  metrics.countDelivery('top', 8);
  const families = await read(metrics);
  const seconds = Object.fromEntries(
    families
      .get('sideglance_stage_duration_seconds')!
      .samples.filter(({ name }) => name.endsWith('_sum'))
      .map(({ labels, value }) => [labels.stage, Math.round(value * 1e6) / 1e6]),
  );
  assert.deepEqual(seconds, {
    capture: 0.001,
    crop: 0.002,
    network: 0.03,
    postprocess: 0.004,
    encode: 0.005,
    handover: 0.002,
    total: 0.044,
    publish: 0.008,
  });
});

test('scores are told as shares of the threshold; a region that has none is left out', async () => {
  const metrics = new Metrics(TWO_REGIONS);
  metrics.countPart(inspectionOf({ result: 'pass' }, [regionOf('face', 2, 4)]), 50);
  metrics.countPart(
    inspectionOf({ result: 'invalid', reason: 'no part' }, [
      regionOf('face', Number.NaN, Number.NaN, { result: 'invalid', reason: 'no part' }),
    ]),
    50,
  );
  const families = await read(metrics);
  const face = { station: 'top', region: 'face' };
  assert.equal(sampleValue(families, 'sideglance_region_score_ratio_sum', face), 0.5);
  assert.equal(sampleValue(families, 'sideglance_region_score_ratio_count', face), 1);
  assert.equal(sampleValue(families, 'sideglance_region_score_ratio_bucket', { ...face, le: '0.45' }), 0);
  assert.equal(sampleValue(families, 'sideglance_region_score_ratio_bucket', { ...face, le: '0.55' }), 1);
  assert.equal(sampleValue(families, 'sideglance_region_threshold', face), 4);
  assert.equal(sampleValue(families, 'sideglance_region_verdicts_total', { ...face, verdict: 'invalid' }), 1);
});

test('names that the configuration does not have make no new series', async () => {
  const metrics = new Metrics(TWO_REGIONS);
  const series = async () => [...(await read(metrics)).values()].flatMap(({ samples }) => samples).length;
  metrics.countPart(inspectionOf({ result: 'pass' }, [regionOf('face', 1, 4)]), 50);
  const before = await series();
  for (let i = 0; i < 50; i++) {
    metrics.countPart(inspectionOf({ result: 'pass' }, [regionOf(`region-${i}`, 1, 4)]), 50);
    metrics.countPart(inspectionOf({ result: 'pass' }, [], `station-${i}`), 50);
    metrics.countDelivery(`station-${i}`, 1);
  }
  assert.equal(await series(), before);
});

test('states are 1 for the one that holds; what a station runs is named, and forgotten when it runs nothing', async () => {
  const metrics = new Metrics(TWO_REGIONS);
  const running = await read(metrics);
  assert.equal(sampleValue(running, 'sideglance_station_state', { station: 'top', state: 'running' }), 1);
  assert.equal(sampleValue(running, 'sideglance_camera_state', { station: 'top', state: 'lost' }), 0);
  const runs = { station: 'top', model: 'bracket@3', provider: 'cpu', precision: 'fp32' };
  assert.equal(sampleValue(running, 'sideglance_station_info', runs), 1);

  const stopped = wellHealth({
    state: 'failed',
    camera: { state: 'lost', reason: 'unplugged' },
    model: null,
    provider: null,
    restarts: 5,
  });
  const failed = await read(metrics, stopped);
  assert.equal(sampleValue(failed, 'sideglance_station_state', { station: 'top', state: 'running' }), 0);
  assert.equal(sampleValue(failed, 'sideglance_station_state', { station: 'top', state: 'failed' }), 1);
  assert.equal(sampleValue(failed, 'sideglance_camera_state', { station: 'top', state: 'lost' }), 1);
  assert.equal(sampleValue(failed, 'sideglance_station_restarts_total', { station: 'top' }), 5);
  assert.deepEqual(failed.get('sideglance_station_info')?.samples, []);
});

test('the outbox: depth, age and bytes, and what was dropped, by class and reason', async () => {
  const none = { verdict: 0, map: 0, frame: 0 };
  const health = wellHealth(
    {},
    {
      protocol: null,
      waiting: { verdict: 4, map: 2, frame: 0 },
      waitingBytes: 4096,
      dropped: { age: none, bytes: { verdict: 0, map: 9, frame: 1 }, tooLarge: none, refused: none, unreadable: none },
    },
  );
  const metrics = new Metrics(TWO_REGIONS);
  for (let scrape = 0; scrape < 2; scrape++) {
    const families = await read(metrics, health);
    assert.equal(sampleValue(families, 'sideglance_broker_connected'), 0);
    assert.equal(sampleValue(families, 'sideglance_outbox_messages', { class: 'verdict' }), 4);
    assert.equal(sampleValue(families, 'sideglance_outbox_bytes'), 4096);
    assert.equal(sampleValue(families, 'sideglance_outbox_oldest_message_age_seconds', { class: 'verdict' }), 1.5);
    assert.equal(sampleValue(families, 'sideglance_outbox_dropped_total', { class: 'map', reason: 'bytes' }), 9);
    assert.equal(sampleValue(families, 'sideglance_output_dropped_total', { stream: 'stderr' }), 3);
  }
});

test('reasons that health gives are counted by kind', async () => {
  const reasons = [{ reason: 'broker-offline', station: null, blocks: 'ready', text: 'away' }] as const;
  const families = await read(new Metrics(TWO_REGIONS), { ...wellHealth(), ready: false, reasons: [...reasons] });
  assert.equal(sampleValue(families, 'sideglance_health_reasons', { reason: 'broker-offline' }), 1);
  assert.equal(sampleValue(families, 'sideglance_health_reasons', { reason: 'camera-lost' }), 0);
  assert.equal(sampleValue(families, 'sideglance_ready'), 0);
  assert.equal(sampleValue(families, 'sideglance_live'), 1);
});

test('the session of Sparkplug is told where there is one', async () => {
  const metrics = new Metrics(TWO_REGIONS);
  const without = await read(metrics);
  assert.equal(without.get('sideglance_sparkplug_state')?.samples.length, 0);
  const sparkplug = {
    state: 'waiting',
    since: { utc: '2025-03-01T06:14:41.193Z', monotonicMs: 1 },
    reason: null,
    broker: 'mqtt://broker.example:1883',
    primaryHost: 'scada',
    bdSeq: null,
    births: 2,
    waiting: 5,
    dropped: 1,
    alarm: null,
  } as const;
  const families = await read(metrics, wellHealth({}, {}, sparkplug));
  assert.equal(sampleValue(families, 'sideglance_sparkplug_state', { state: 'waiting' }), 1);
  assert.equal(sampleValue(families, 'sideglance_sparkplug_state', { state: 'online' }), 0);
  assert.equal(sampleValue(families, 'sideglance_sparkplug_births_total'), 2);
  assert.equal(sampleValue(families, 'sideglance_sparkplug_samples'), 5);
  assert.equal(sampleValue(families, 'sideglance_sparkplug_dropped_total'), 1);
});
