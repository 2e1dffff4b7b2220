import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Overrides } from '../../src/commands/overrides.js';
import { StationCommands, type StationPort } from '../../src/commands/station-commands.js';
import { ConfigSchema, type StationConfig } from '../../src/config/schema.js';
import { type ErrorCode, SideglanceError } from '../../src/errors.js';
import type { StationStart } from '../../src/station/start.js';
import type { Inspection, StationOrder } from '../../src/types.js';
import { inspection } from '../publish/support/inspections.js';
import { commandsConfig } from './support.js';

function setUp(camera: object = { type: 'gige', gainDb: 2 }) {
  const device = { site: 's', line: 'l', name: 'd' };
  const { stations } = ConfigSchema.parse({ device, stations: [{ name: 'top', camera, threshold: { score: 3 } }] });
  const station = { ...stations[0], model: '/model' } as StationConfig;
  const overrides = Overrides.open(commandsConfig(), [station]);
  const orders: StationOrder[] = [];
  const starts: StationStart[] = [];
  const refused: Inspection[] = [];
  const it = {
    orders,
    starts,
    refused,
    overrides,
    restarts: 0,
    threshold: 3 as number | null,
    /** How the station answers the next orders; it does as it is told when there is none left. */
    faults: [] as (ErrorCode | null)[],
  };
  const port: StationPort = {
    async order(order) {
      orders.push(order);
      const code = it.faults.shift() ?? null;
      if (code !== null) throw new SideglanceError(code, 'it did not work');
      if (order.kind === 'trigger') return { kind: 'part', inspection: inspection(7) };
      if (order.kind === 'calibrate') {
        return { kind: 'calibrate', threshold: { score: 5, parts: order.parts, regions: 200, extrapolated: false } };
      }
      if (order.kind === 'threshold') it.threshold = 'score' in order.threshold ? order.threshold.score : 2.5;
      if (order.kind === 'threshold') return { kind: 'threshold', score: it.threshold as number };
      if (order.kind === 'pause') return { kind: 'pause' };
      return { kind: 'camera' };
    },
    async restart() {
      it.restarts++;
    },
    configure: (start) => void starts.push(start),
    refusePart(reason, detail) {
      const one = { ...inspection(0), verdict: { result: 'invalid' as const, reason, detail } };
      refused.push(one);
      return one;
    },
    snapshot: () => ({ threshold: it.threshold, restarts: it.restarts }),
  };
  const startOf = () => ({}) as StationStart;
  const commands = new StationCommands({
    station,
    port,
    overrides,
    startOf,
    publishSnapshot: () => assert.fail('nobody asked for one'),
  });
  return { ...it, it, commands };
}

test('a threshold is set, multiplied, chosen by its rate, and put back as configured', async () => {
  const { commands, orders, overrides } = setUp();
  assert.deepEqual(await commands.threshold({ score: 4 }), { score: 4, applied: 'now' });
  assert.deepEqual(overrides.of('top').threshold, { value: { score: 4 }, insteadOf: { score: 3 } });
  assert.deepEqual(await commands.threshold({ factor: 1.5 }), { score: 6, applied: 'now' });
  assert.deepEqual(await commands.threshold({ falseRejectRate: 0.01 }), { score: 2.5, applied: 'now' });
  assert.deepEqual(await commands.threshold({ reset: true }), { score: 3, applied: 'now' });
  assert.deepEqual(overrides.of('top'), {});
  assert.deepEqual(
    orders.map((order) => order.kind === 'threshold' && order.threshold),
    [{ score: 4 }, { score: 6 }, { falseRejectRate: 0.01 }, { score: 3 }],
  );
});

test('a calibration holds when it is done, and not when it is not', async () => {
  const { commands, overrides, it } = setUp();
  const wanted = { parts: 100, falseRejectRate: 0.005, withinSeconds: 600 };
  it.faults.push('SG_COMMAND_TIMEOUT');
  await assert.rejects(commands.calibrate(wanted), { code: 'SG_COMMAND_TIMEOUT' });
  assert.deepEqual(overrides.of('top'), {});
  assert.deepEqual(await commands.calibrate(wanted), {
    score: 5,
    before: 3,
    parts: 100,
    regions: 200,
    extrapolated: false,
    applied: 'now',
  });
  assert.deepEqual(overrides.of('top').threshold?.value, { score: 5 });
});

test('a change of a station that does not run holds from its next start', async () => {
  const { commands, overrides, it, starts } = setUp();
  it.faults.push('SG_STATION_LOST', 'SG_STATION_LOST');
  assert.deepEqual(await commands.pause(), { paused: true, applied: 'at the next start' });
  assert.deepEqual(overrides.of('top'), { paused: true });
  assert.equal(starts.length, 1);
  assert.deepEqual(await commands.threshold({ score: 4 }), { score: null, applied: 'at the next start' });
  it.threshold = null;
  await assert.rejects(commands.threshold({ factor: 2 }), { code: 'SG_STATION_LOST' });
});

test('a change that the station does not take is taken back on the disk and at the station', async () => {
  const { commands, overrides, it, orders } = setUp();
  await commands.camera({ exposureMicroseconds: 900 });
  it.faults.push('SG_COMMAND_FAILED');
  await assert.rejects(commands.camera({ gainDb: 50, exposureMicroseconds: 800 }), { code: 'SG_COMMAND_FAILED' });
  assert.deepEqual(overrides.of('top'), { exposureMicroseconds: { value: 900, insteadOf: null } });
  assert.deepEqual(orders.at(-1), { kind: 'camera', controls: { exposureMicroseconds: 900, gainDb: 2 } });
  // One that does not even take that back starts anew, with what held before.
  it.faults.push('SG_COMMAND_TIMEOUT', 'SG_COMMAND_TIMEOUT');
  await assert.rejects(commands.pause(), { code: 'SG_COMMAND_TIMEOUT' });
  assert.equal(it.restarts, 1);
  assert.equal(overrides.of('top').paused, undefined);
});

test('a change that cannot be kept is not made', async () => {
  const { commands, overrides, orders } = setUp();
  const set = overrides.set.bind(overrides);
  overrides.set = () => {
    throw new SideglanceError('SG_STORAGE', 'the disk is full');
  };
  await assert.rejects(commands.pause(), { code: 'SG_STORAGE' });
  assert.deepEqual(orders, []);
  overrides.set = set;
});

test('exposure and gain change one by one, stay together, and only where the camera has them', async () => {
  const { commands, overrides } = setUp();
  assert.deepEqual(await commands.camera({ exposureMicroseconds: 900 }), {
    exposureMicroseconds: 900,
    gainDb: 2,
    applied: 'now',
  });
  assert.deepEqual(await commands.camera({ gainDb: 6 }), { exposureMicroseconds: 900, gainDb: 6, applied: 'now' });
  assert.deepEqual(await commands.camera({ reset: true }), { exposureMicroseconds: null, gainDb: 2, applied: 'now' });
  assert.deepEqual(overrides.of('top'), {});
  const other = setUp({ type: 'v4l2' });
  await assert.rejects(other.commands.camera({ gainDb: 1 }), { code: 'SG_COMMAND_UNSUPPORTED' });
  assert.deepEqual(other.orders, []);
});

test('a trigger always gets a part: its own, or an invalid one that says why', async () => {
  const { commands, it, refused } = setUp();
  const part = { station: 'top', epoch: '5f0c2a7e-station', sequence: 7 };
  assert.deepEqual(await commands.trigger(), { part, verdict: 'fail', reason: null });
  const reasons = {
    SG_COMMAND_BUSY: 'overrun',
    SG_CAMERA_LOST: 'camera lost',
    SG_STATION_LOST: 'station lost',
    SG_COMMAND_TIMEOUT: 'late',
    SG_RUNTIME: 'error',
  } as const;
  for (const [code, reason] of Object.entries(reasons)) {
    it.faults.push(code as ErrorCode);
    const { verdict, reason: told } = await commands.trigger();
    assert.deepEqual([verdict, told], ['invalid', reason]);
  }
  assert.equal(refused.length, 5);
});
