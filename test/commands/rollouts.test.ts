import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AuditLog } from '../../src/commands/audit-log.js';
import { lotOf } from '../../src/commands/cohort.js';
import type { BroughtRollout, RolloutWork } from '../../src/commands/rollout-work.js';
import { Rollouts } from '../../src/commands/rollouts.js';
import { type ErrorCode, SideglanceError } from '../../src/errors.js';
import { type AuditMessage, auditSchema } from '../../src/publish/command-messages.js';
import type { IncomingMessage } from '../../src/publish/inbox.js';
import type { RolloutMessage } from '../../src/publish/rollout-message.js';
import { DEVICE, ROOT } from '../publish/support/inspections.js';
import { closeAtTheEnd } from '../publish/support/leftovers.js';
import { ROLLOUT as SHARED_ROLLOUT } from '../support/rollout.js';

const NOW = Date.parse('2025-03-01T06:15:00.000Z');
const at = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();

const ROLLOUT: RolloutMessage = {
  ...SHARED_ROLLOUT,
  devices: { percent: 100 },
  issued: at(0),
  expires: at(3600),
};

/** A device whose model work is a script: what was asked of it, and what it answers. */
class TestDevice {
  readonly did: string[] = [];
  readonly told: string[] = [];
  readonly audit: AuditMessage[] = [];
  readonly faults: SideglanceError[] = [];
  readonly folder: string;
  timeMs: number | null = NOW + 1000;
  /** Until the test says so, or it is aborted. */
  bring: (signal: AbortSignal) => Promise<void> = async () => {};
  withdraw: () => Promise<void> = async () => {};
  isPlanned = false;
  readonly cancelled: BroughtRollout[] = [];
  rollouts: Rollouts;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'sideglance-rollouts-'));
    closeAtTheEnd(async () => {
      await this.rollouts.stop();
      rmSync(this.folder, { recursive: true, force: true });
    });
    this.rollouts = this.restarted();
  }

  restarted(): Rollouts {
    const work: RolloutWork = {
      bring: async ({ id }, signal) => {
        this.did.push(`bring ${id}`);
        await this.bring(signal);
      },
      cancel: async (brought) => {
        if (this.isPlanned) this.cancelled.push(brought);
        return this.isPlanned;
      },
      withdraw: async ({ id }) => {
        this.did.push(`withdraw ${id}`);
        await this.withdraw();
      },
      tell: ({ id }, phase, code) => void this.told.push(`${id} ${phase} ${code}`),
    };
    this.rollouts = new Rollouts({
      device: DEVICE,
      topics: { answer: `${ROOT}/answer`, audit: `${ROOT}/audit` },
      log: new AuditLog(this.folder),
      post: ({ payload }) => void this.audit.push(auditSchema.parse(JSON.parse(Buffer.from(payload).toString()))),
      now: () => ({ utc: new Date(NOW).toISOString(), monotonicMs: performance.now() }),
      clockSynced: () => true,
      onFault: (error) => void this.faults.push(error),
      models: ['bracket', 'lid'],
      folder: this.folder,
      work,
      timeMs: () => this.timeMs,
      perMinute: 60_000,
    });
    return this.rollouts;
  }

  send(message: unknown): void {
    this.rollouts.receive(incoming(message));
  }

  events(): string[] {
    return this.audit.map(({ event, code }) => (code === null ? event : `${event} ${code}`));
  }

  async until(what: string, isSo: () => boolean): Promise<void> {
    const giveUpAt = performance.now() + 10_000;
    while (!isSo()) {
      assert.ok(
        performance.now() < giveUpAt,
        `in vain: ${what}; ${JSON.stringify([this.did, this.told, this.events()])}`,
      );
      await new Promise((done) => setTimeout(done, 5));
    }
  }

  /** Settles when what came of it is done. */
  async followed(message: unknown): Promise<void> {
    await this.rollouts.handle(incoming(message));
  }
}

function incoming(message: unknown): IncomingMessage {
  const payload = Buffer.from(typeof message === 'string' ? message : JSON.stringify(message));
  const topic = 'sideglance/rollout/bracket';
  return { topic, payload, retain: true, responseTopic: null, correlation: null, hasExpiry: false };
}

test('a rollout is brought once, however often its message comes, also after a restart', async () => {
  const device = new TestDevice();
  await device.followed(ROLLOUT);
  await device.followed(ROLLOUT);
  await device.followed({ ...ROLLOUT, issued: at(60), devices: { percent: 100, sites: [DEVICE.site] } });
  device.restarted();
  await device.followed(ROLLOUT);
  assert.deepEqual(device.did, ['bring r-1']);
  // The last message was older than the one before.
  assert.deepEqual(device.events(), ['begun', 'done', 'refused SG_COMMAND_LATE']);
  assert.equal(device.audit[0]?.command, 'model.rollout');
  assert.deepEqual(device.audit[0]?.request, ROLLOUT);
});

test('it is not begun by devices that it is not for, and by further ones when the percentage rises', async () => {
  const device = new TestDevice();
  const { share } = lotOf('r-1', DEVICE);
  await device.followed({ ...ROLLOUT, devices: { percent: 100, lines: ['another'] } });
  await device.followed({ ...ROLLOUT, devices: { percent: share } });
  assert.deepEqual([device.did, device.events(), device.told], [[], [], []]);
  await device.followed({ ...ROLLOUT, issued: at(1), devices: { percent: share + 0.001 } });
  assert.deepEqual(device.did, ['bring r-1']);
});

test('halted stops what is not in use yet, and running again begins it anew', async () => {
  const device = new TestDevice();
  device.bring = (signal) =>
    new Promise((_, failed) => signal.addEventListener('abort', () => failed(new Error('aborted'))));
  device.send(ROLLOUT);
  await device.until('it begins', () => device.did.length === 1);
  await device.followed({ ...ROLLOUT, state: 'halted', issued: at(1) });
  assert.deepEqual(device.events(), ['begun', 'failed SG_ROLLOUT_HALTED']);
  assert.deepEqual(device.told, ['r-1 waiting SG_ROLLOUT_HALTED']);
  device.bring = async () => {};
  await device.followed({ ...ROLLOUT, issued: at(2) });
  await device.followed({ ...ROLLOUT, state: 'halted', issued: at(3) });
  assert.deepEqual(device.did, ['bring r-1', 'bring r-1']);
  assert.deepEqual(device.events().slice(2), ['begun', 'done']);
});

test('halted takes back what is to take over later, and running again plans it anew', async () => {
  const device = new TestDevice();
  await device.followed(ROLLOUT);
  device.isPlanned = true;
  await device.followed({ ...ROLLOUT, state: 'halted', issued: at(1) });
  assert.deepEqual(device.events(), ['begun', 'done', 'failed SG_ROLLOUT_HALTED']);
  await device.followed({ ...ROLLOUT, issued: at(2) });
  assert.deepEqual(device.did, ['bring r-1', 'bring r-1']);
});

test('what one was to make active later is not, when another one comes or it is taken away', async () => {
  const device = new TestDevice();
  await device.followed({ ...ROLLOUT, stations: ['top'] });
  device.isPlanned = true;
  await device.followed({ ...ROLLOUT, id: 'r-2', version: '9.0.0', issued: at(1) });
  const { version } = ROLLOUT;
  assert.deepEqual(device.cancelled, [{ id: 'r-1', model: 'bracket', version, stations: ['top'] }]);
  await device.followed('');
  assert.deepEqual(device.cancelled.slice(1), [{ id: 'r-2', model: 'bracket', version: '9.0.0' }]);
  assert.deepEqual(device.told, ['r-1 waiting SG_ROLLOUT_HALTED', 'r-2 waiting SG_ROLLOUT_HALTED']);
  await device.followed({ ...ROLLOUT, id: 'r-2', version: '9.0.0', issued: at(2) });
  assert.deepEqual(device.did, ['bring r-1', 'bring r-2', 'bring r-2']);
});

test('one that is refused takes nothing from the one before', async () => {
  const device = new TestDevice();
  await device.followed(ROLLOUT);
  device.isPlanned = true;
  await device.followed({ ...ROLLOUT, id: 'r-2', issued: at(1), expires: at(-10) });
  await device.followed({ ...ROLLOUT, id: 'r-3', issued: at(-1) });
  assert.deepEqual(device.cancelled, []);
});

test('a device that is still waiting for its moment stops without having begun', async () => {
  const device = new TestDevice();
  device.send({ ...ROLLOUT, spreadSeconds: 86_400 });
  await device.until('it says so', () => device.told.includes('r-1 waiting null'));
  await device.followed('');
  assert.deepEqual(device.told, ['r-1 waiting null', 'r-1 waiting SG_ROLLOUT_HALTED']);
  assert.deepEqual([device.did, device.events()], [[], []]);
});

test('withdrawn takes it back where it was brought, once, also after a restart and after its time', async () => {
  const device = new TestDevice();
  await device.followed({ ...ROLLOUT, state: 'withdrawn' });
  assert.deepEqual(device.did, []);
  const next = { ...ROLLOUT, id: 'r-2', issued: at(1) };
  await device.followed(next);
  device.restarted();
  device.timeMs = NOW + 9_000_000;
  await device.followed({ ...next, state: 'withdrawn', issued: at(2) });
  await device.followed({ ...next, state: 'withdrawn', issued: at(2) });
  assert.deepEqual(device.did, ['bring r-2', 'withdraw r-2']);
  assert.deepEqual(device.events(), ['begun', 'done', 'begun', 'done']);
});

test('what cannot be taken back is tried again when it is said again', async () => {
  const device = new TestDevice();
  await device.followed(ROLLOUT);
  device.withdraw = async () => {
    throw new SideglanceError('SG_STORE', 'there is no other');
  };
  await device.followed({ ...ROLLOUT, state: 'withdrawn', issued: at(1) });
  device.withdraw = async () => {};
  await device.followed({ ...ROLLOUT, state: 'withdrawn', issued: at(1) });
  assert.deepEqual(device.events(), ['begun', 'done', 'begun', 'failed SG_STORE', 'begun', 'done']);
});

for (const [code, again] of [
  ['SG_BUNDLE_ACCEPTANCE', false],
  ['SG_BUNDLE_DISK_FULL', true],
] as const) {
  test(`one that failed with ${code} is ${again ? '' : 'not '}tried again when its message comes again`, async () => {
    const device = new TestDevice();
    device.bring = async () => {
      throw new SideglanceError(code, 'no');
    };
    await device.followed(ROLLOUT);
    device.restarted();
    await device.followed(ROLLOUT);
    assert.deepEqual(device.did, again ? ['bring r-1', 'bring r-1'] : ['bring r-1']);
    assert.deepEqual(device.events().slice(0, 2), ['begun', `failed ${code}`]);
  });
}

test('another rollout of the model takes the place of one that is under way', async () => {
  const device = new TestDevice();
  device.bring = (signal) =>
    new Promise((done, failed) => {
      if (device.did.at(-1) === 'bring r-2') done();
      signal.addEventListener('abort', () => failed(new Error('aborted')));
    });
  device.send(ROLLOUT);
  await device.until('it begins', () => device.did.length === 1);
  await device.followed({ ...ROLLOUT, id: 'r-2', sha256: 'b'.repeat(64), issued: at(1) });
  assert.deepEqual(device.did, ['bring r-1', 'bring r-2']);
  assert.deepEqual(device.events(), ['begun', 'failed SG_ROLLOUT_HALTED', 'begun', 'done']);
});

test('an older message does not undo a newer one: another broker may still keep it', async () => {
  const device = new TestDevice();
  await device.followed({ ...ROLLOUT, id: 'r-2', state: 'halted', issued: at(1) });
  await device.followed(ROLLOUT);
  await device.followed({ ...ROLLOUT, id: 'r-2', issued: at(0) });
  assert.deepEqual(device.did, []);
  assert.deepEqual(device.events(), ['refused SG_COMMAND_LATE', 'refused SG_COMMAND_LATE']);
});

test('one that expired, or seems to come from the future, is refused and says so, once', async () => {
  const device = new TestDevice();
  device.timeMs = NOW + 3_600_000;
  await device.followed(ROLLOUT);
  await device.followed(ROLLOUT);
  assert.deepEqual(device.events(), ['refused SG_COMMAND_LATE']);
  assert.deepEqual(device.told, ['r-1 refused SG_COMMAND_LATE']);
  await device.followed({ ...ROLLOUT, issued: at(5000), expires: at(9000) });
  assert.deepEqual(device.did, []);
  await device.followed({ ...ROLLOUT, issued: at(5001), expires: at(9000) });
  device.timeMs = NOW + 5_002_000;
  await device.followed({ ...ROLLOUT, issued: at(5002), expires: at(9000) });
  assert.deepEqual(device.did, ['bring r-1']);
});

test('with an unset clock it waits, and says so', async () => {
  const device = new TestDevice();
  device.timeMs = null;
  device.send(ROLLOUT);
  await device.until('it says so', () => device.told.includes('r-1 waiting SG_BUNDLE_CLOCK_UNSET'));
  device.timeMs = NOW + 1000;
  await device.until('it begins', () => device.did.length === 1);
  assert.deepEqual(device.did, ['bring r-1']);
});

const { expires: _, ...UNLIMITED } = ROLLOUT;
const WRONG: readonly (readonly [string, unknown, ErrorCode])[] = [
  ['no JSON', '{', 'SG_COMMAND_MALFORMED'],
  ['no object', '[]', 'SG_COMMAND_MALFORMED'],
  ['too large', `{"a":"${'x'.repeat(20_000)}"}`, 'SG_COMMAND_TOO_LARGE'],
  ['an unknown field', { ...ROLLOUT, run: 'rm' }, 'SG_COMMAND_MALFORMED'],
  ['no expiry', UNLIMITED, 'SG_COMMAND_MALFORMED'],
  ['another model than its topic', { ...ROLLOUT, model: 'lid' }, 'SG_COMMAND_MALFORMED'],
  ['a file', { ...ROLLOUT, url: 'file:///etc/passwd' }, 'SG_COMMAND_MALFORMED'],
  ['a percentage that is none', { ...ROLLOUT, devices: { percent: 101 } }, 'SG_COMMAND_MALFORMED'],
  ['an unknown state', { ...ROLLOUT, state: 'now' }, 'SG_COMMAND_MALFORMED'],
  ['an expiry before it was written', { ...ROLLOUT, expires: at(-1) }, 'SG_COMMAND_MALFORMED'],
];
for (const [what, message, code] of WRONG) {
  test(`a message with ${what} is refused, published so, and nothing is begun`, async () => {
    const device = new TestDevice();
    device.send(message);
    await device.until('it is refused', () => device.audit.length > 0);
    assert.deepEqual(device.events(), [`refused ${code}`]);
    assert.deepEqual([device.did, device.faults], [[], []]);
    await device.followed(ROLLOUT);
    assert.deepEqual(device.did, ['bring r-1']);
  });
}

test('an id that stood for another file is refused', async () => {
  const device = new TestDevice();
  await device.followed(ROLLOUT);
  await device.followed({ ...ROLLOUT, sha256: 'b'.repeat(64), issued: at(1) });
  assert.deepEqual(device.did, ['bring r-1']);
  assert.deepEqual(device.told, ['r-1 refused SG_COMMAND_REUSED']);
});

test('of a flood the newest message counts', async () => {
  const device = new TestDevice();
  for (let i = 0; i < 500; i++) device.send({ ...ROLLOUT, state: 'halted', issued: at(i) });
  device.send({ ...ROLLOUT, id: 'r-9', issued: at(600), expires: at(7000) });
  device.timeMs = NOW + 700_000;
  await device.until('the last one is followed', () => device.did.length > 0);
  assert.deepEqual(device.did, ['bring r-9']);
  assert.ok(device.audit.length < 20);
});

test('what cannot be written down is not begun, and a damaged memory is told of', async () => {
  const device = new TestDevice();
  writeFileSync(join(device.folder, 'rollouts.json'), '{');
  device.restarted();
  assert.equal(device.faults[0]?.code, 'SG_STORAGE');
  rmSync(device.folder, { recursive: true });
  writeFileSync(device.folder, 'a file where the folder was');
  await device.followed(ROLLOUT);
  assert.deepEqual(device.did, []);
  rmSync(device.folder);
});
