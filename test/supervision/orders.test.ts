import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { StationSupervisor, SUPERVISION_LIMITS } from '../../src/supervision/station-supervisor.js';
import type { Inspection, ModelInUse } from '../../src/types.js';
import type { ScriptedStart } from './scripted-station.js';

const ENTRY = fileURLToPath(new URL('./scripted-station.js', import.meta.url));
const BOUND_MS = 60_000;

const running: StationSupervisor<ScriptedStart>[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((supervisor) => supervisor.stop()));
});

async function obedient(more: Partial<ScriptedStart> = {}, deadlineMs = BOUND_MS) {
  const answers: Inspection[] = [];
  const inUse: ModelInUse[] = [];
  const supervisor = new StationSupervisor<ScriptedStart>({
    name: 's',
    entry: ENTRY,
    start: { station: 's', script: 'obey', everyMs: 5, ...more },
    deadlineMs,
    limits: { ...SUPERVISION_LIMITS, restart: { ...SUPERVISION_LIMITS.restart, firstDelayMs: 10 } },
    events: {
      onAnswer: (inspection) => answers.push(inspection),
      onCamera: () => {},
      onModel: (now) => inUse.push(now),
      onBundle: () => {},
      onEvent: () => {},
    },
  });
  running.push(supervisor);
  supervisor.start();
  await until(() => supervisor.snapshot().state === 'running', 'it runs');
  return { supervisor, answers, inUse };
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const end = Date.now() + BOUND_MS;
  while (!holds()) {
    assert.ok(Date.now() < end, `waited ${BOUND_MS} ms in vain until ${what}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

test('a trigger is answered by its part, and the part by its station', async () => {
  const { supervisor, answers } = await obedient();
  const answer = await supervisor.order({ kind: 'trigger', withinMs: 1000 }, BOUND_MS);
  assert.ok(answer.kind === 'part');
  assert.deepEqual(answers, [answer.inspection]);
  assert.equal(answer.inspection.verdict.result, 'pass');
});

test('a trigger whose part is late is answered as late, as the part is', async () => {
  const { supervisor, answers } = await obedient({ everyMs: 600 }, 50);
  const answer = await supervisor.order({ kind: 'trigger', withinMs: 1000 }, BOUND_MS);
  assert.ok(answer.kind === 'part');
  assert.equal(answer.inspection.verdict.result === 'invalid' && answer.inspection.verdict.reason, 'late');
  assert.deepEqual(answers, [answer.inspection]);
});

test('a new threshold is what the station runs from then on; an error has a code that there is', async () => {
  const { supervisor, inUse } = await obedient();
  const answer = await supervisor.order({ kind: 'threshold', threshold: { score: 7 } }, BOUND_MS);
  assert.deepEqual(answer, { kind: 'threshold', score: 7 });
  assert.equal(inUse.at(-1)?.threshold, 7);
  await assert.rejects(supervisor.order({ kind: 'camera', controls: {} }, BOUND_MS), {
    code: 'SG_COMMAND_FAILED',
    message: 'it has none',
  });
});

test('an order is settled whatever becomes of the station: it does not answer, it ends, it does not run', async () => {
  const { supervisor } = await obedient();
  await assert.rejects(supervisor.order({ kind: 'snapshot', withinMs: 1 }, 20), { code: 'SG_COMMAND_TIMEOUT' });
  const waiting = supervisor.order({ kind: 'snapshot', withinMs: 1 }, BOUND_MS);
  const fatal = supervisor.order({ kind: 'calibrate', parts: 20, falseRejectRate: 0.1, withinMs: 1 }, BOUND_MS);
  await assert.rejects(waiting, { code: 'SG_STATION_LOST' });
  await assert.rejects(fatal, { code: 'SG_STATION_LOST', message: /exit code 5/ });
  await assert.rejects(supervisor.order({ kind: 'pause', paused: true }, BOUND_MS), { code: 'SG_STATION_LOST' });
});

test('orders are bounded', async () => {
  const { supervisor } = await obedient();
  const order = () => supervisor.order({ kind: 'snapshot', withinMs: 1 }, 1000);
  const orders = await Promise.allSettled(Array.from({ length: 17 }, order));
  const codes = orders.map((one) => one.status === 'rejected' && (one.reason as { code: string }).code);
  assert.deepEqual(codes.filter((code) => code === 'SG_COMMAND_BUSY').length, 1);
  assert.equal(codes.at(-1), 'SG_COMMAND_BUSY');
});

test('a restart that is asked for ends the process, starts another with what was configured meanwhile, and is no failure', async () => {
  const { supervisor, answers } = await obedient();
  const { pid } = supervisor.snapshot();
  supervisor.configure({ station: 's', script: 'work', everyMs: 20 });
  await supervisor.restart();
  await until(() => supervisor.snapshot().state === 'running', 'it runs again');
  assert.notEqual(supervisor.snapshot().pid, pid);
  assert.equal(supervisor.snapshot().restarts, 1);
  await until(() => answers.length > 0, 'it works');
});

test('a station that is configured while it loads is not left with what it was given before', async () => {
  const { supervisor, answers } = await obedient();
  const restarted = supervisor.restart();
  await until(() => supervisor.snapshot().state === 'starting', 'it loads');
  supervisor.configure({ station: 's', script: 'work', everyMs: 20 });
  await restarted;
  await until(() => answers.length > 0, 'it works');
});

test('a part that was asked for and refused has a name of its own', async () => {
  const { supervisor, answers } = await obedient();
  const parts = [supervisor.refusePart('overrun', 'one too many'), supervisor.refusePart('camera lost', 'no frame')];
  assert.deepEqual(
    answers,
    parts.map((part) => ({ ...part, model: 'scripted@1', provider: 'cpu' })),
  );
  assert.equal(new Set(parts.map(({ part }) => `${part.epoch} ${part.sequence}`)).size, 2);
  assert.equal(supervisor.snapshot().parts.invalid, 2);
});
