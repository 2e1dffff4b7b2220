import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { BundleReport } from '../../src/supervision/reports.js';
import {
  StationSupervisor,
  SUPERVISION_LIMITS,
  type SupervisionEvent,
  type SupervisionLimits,
} from '../../src/supervision/station-supervisor.js';
import type { Inspection, ModelInUse } from '../../src/types.js';
import { holdDeath } from '../support/hold-death.js';
import { childrenOf, isAlive } from '../support/processes.js';
import type { ScriptedStart } from './scripted-station.js';

const ENTRY = fileURLToPath(new URL('./scripted-station.js', import.meta.url));
const ORPHAN_MAKER = fileURLToPath(new URL('./orphan-maker.js', import.meta.url));
/** Far above what anything here takes; a test that needs it has failed. */
const BOUND_MS = 15_000;

interface Observed {
  readonly supervisor: StationSupervisor<ScriptedStart>;
  readonly answers: Inspection[];
  readonly cameras: string[];
  readonly models: (string | null)[];
  readonly inUse: ModelInUse[];
  readonly bundles: BundleReport[];
  readonly events: { event: SupervisionEvent; fields: Readonly<Record<string, unknown>> }[];
}

const running: StationSupervisor<ScriptedStart>[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((supervisor) => supervisor.stop()));
});

interface Tuning {
  readonly process?: Partial<SupervisionLimits['process']>;
  readonly restart?: Partial<SupervisionLimits['restart']>;
}

function observe(start: Omit<ScriptedStart, 'station'>, deadlineMs = BOUND_MS, tuning: Tuning = {}): Observed {
  const limits: SupervisionLimits = {
    process: { ...SUPERVISION_LIMITS.process, ...tuning.process },
    restart: { ...SUPERVISION_LIMITS.restart, firstDelayMs: 10, ...tuning.restart },
    ledger: SUPERVISION_LIMITS.ledger,
  };
  const answers: Inspection[] = [];
  const cameras: string[] = [];
  const models: (string | null)[] = [];
  const inUse: ModelInUse[] = [];
  const bundles: BundleReport[] = [];
  const events: Observed['events'] = [];
  const supervisor = new StationSupervisor<ScriptedStart>({
    name: 's',
    entry: ENTRY,
    start: { station: 's', ...start },
    deadlineMs,
    limits,
    events: {
      onAnswer: (inspection) => answers.push(inspection),
      onCamera: ({ state, reason }) => cameras.push(reason === null ? state : `${state}: ${reason}`),
      onModel: (now) => {
        models.push(now.model);
        inUse.push(now);
      },
      onBundle: (report) => bundles.push(report),
      onEvent: (_level, event, fields) => events.push({ event, fields }),
    },
  });
  running.push(supervisor);
  supervisor.start();
  return { supervisor, answers, cameras, models, inUse, bundles, events };
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const end = Date.now() + BOUND_MS;
  while (!holds()) {
    assert.ok(Date.now() < end, `waited ${BOUND_MS} ms in vain until ${what}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

function seen(observed: Observed, event: SupervisionEvent): number {
  return observed.events.filter((one) => one.event === event).length;
}

function reasons(answers: readonly Inspection[]): string[] {
  return answers.map(({ verdict }) => (verdict.result === 'invalid' ? verdict.reason : verdict.result));
}

test('a station killed with SIGKILL: every accepted part is answered once as lost, and it comes back', async () => {
  const observed = observe({ script: 'accept and hang', parts: 4 });
  const { supervisor, answers, cameras, models } = observed;
  await until(() => supervisor.snapshot().ledger.accepted === 4, 'four parts are accepted');
  const first = supervisor.snapshot().pid as number;
  process.kill(first, 'SIGKILL');
  await until(() => supervisor.snapshot().ledger.accepted === 8, 'the second life has accepted its parts');

  assert.deepEqual(reasons(answers), Array(4).fill('station lost'));
  assert.deepEqual(
    answers.map(({ part }) => part.sequence),
    [0, 1, 2, 3],
  );
  assert.equal(new Set(answers.map(({ part }) => part.epoch)).size, 1);
  assert.match(JSON.stringify(answers[0]?.verdict), /the station process was killed by SIGKILL/);
  assert.equal(answers[0]?.model, 'scripted@1');
  assert.deepEqual(cameras, ['running', 'lost: the station process was killed by SIGKILL', 'running']);
  assert.deepEqual(models, ['scripted@1', null, 'scripted@1']);
  assert.notEqual(supervisor.snapshot().pid, first);
  assert.equal(supervisor.snapshot().restarts, 1);
});

test('an answer sent just before the death is not lost on the way', async () => {
  const { supervisor, answers } = observe({ script: 'die after an answer', everyMs: 1 });
  await until(() => supervisor.snapshot().restarts >= 2, 'it has died twice');
  const firstLife = answers.filter(({ part }) => part.epoch === answers[0]?.part.epoch);
  assert.deepEqual(reasons(firstLife), ['pass', 'pass', 'pass']);
});

test('a late part is answered at its deadline, and the verdict that comes after is recorded, not sent', async () => {
  const observed = observe({ script: 'slow', everyMs: 500 }, 50);
  await until(() => seen(observed, 'part.late-verdict') >= 1, 'the late verdict has come');
  await observed.supervisor.stop();
  const { answers } = observed;
  assert.deepEqual(new Set(reasons(answers)), new Set(['late']));
  assert.equal(new Set(answers.map(({ part }) => part.sequence)).size, answers.length);
  assert.ok(answers.every(({ timings }) => timings.total >= 50));
});

test('a station whose thread is blocked is killed for want of progress, its part answered, and it is started again', async () => {
  const observed = observe({ script: 'block' }, BOUND_MS, { process: { progressWithinMs: 200 } });
  await until(() => observed.supervisor.snapshot().restarts >= 1, 'it is restarted');
  assert.deepEqual(reasons(observed.answers.slice(0, 1)), ['station lost']);
  assert.match(JSON.stringify(observed.answers[0]?.verdict), /made no progress for 200 ms/);
});

test('counters that a timer repeats are no progress', async () => {
  const observed = observe({ script: 'fake progress' }, BOUND_MS, { process: { progressWithinMs: 200 } });
  await until(() => seen(observed, 'station.ended') >= 1, 'it is killed');
  assert.match(String(observed.events.find(({ event }) => event === 'station.ended')?.fields.reason), /no progress/);
});

test('a part may take longer than a station may be silent, as long as the network runs', async () => {
  const observed = observe({ script: 'long part', everyMs: 200 }, 60_000, { process: { progressWithinMs: 2_000 } });
  await until(() => observed.answers.length >= 1, 'the part is answered');
  assert.deepEqual(reasons(observed.answers.slice(0, 1)), ['pass']);
  assert.equal(observed.supervisor.snapshot().restarts, 0);
});

test('a station that waits for parts but whose pull loop returns is left alone', async () => {
  const observed = observe({ script: 'accept and hang', parts: 0, everyMs: 10 }, BOUND_MS, {
    process: { progressWithinMs: 2_000 },
  });
  await until(() => observed.supervisor.snapshot().state === 'running', 'it runs');
  const pid = observed.supervisor.snapshot().pid;
  await new Promise((done) => setTimeout(done, 3_000));
  assert.equal(observed.supervisor.snapshot().pid, pid);
});

test('a station that does not get ready in time is killed and started again', async () => {
  const observed = observe({ script: 'load for ever' }, BOUND_MS, { process: { startWithinMs: 300 } });
  await until(() => seen(observed, 'station.started') >= 2, 'it is started again');
  assert.match(String(observed.supervisor.snapshot().reason), /was not ready within 300 ms/);
});

test('a station that builds an engine is given the time for it, and is told as building meanwhile', async () => {
  const limits = { startWithinMs: 2_000, buildSilentMs: 5_000, buildWithinMs: BOUND_MS };
  const observed = observe({ script: 'build', parts: 30, everyMs: 100 }, BOUND_MS, { process: limits });
  const { supervisor, inUse } = observed;
  await until(() => supervisor.snapshot().building !== null, 'it builds');
  const { state, reason, model, provider } = supervisor.snapshot();
  assert.deepEqual([state, model, provider], ['starting', 'scripted@1', null]);
  assert.match(reason ?? '', /builds an engine for tensorrt in fp16/);
  // That takes longer than a start may.
  await until(() => supervisor.snapshot().state === 'running', 'it runs');
  assert.equal(supervisor.snapshot().restarts, 0);
  const elapsed = inUse.flatMap(({ building }) => building?.elapsedS ?? []);
  assert.deepEqual(
    elapsed,
    Array.from({ length: 30 }, (_, i) => i),
  );
  const { skipped, building, ...now } = supervisor.snapshot();
  assert.deepEqual([now.provider, now.precision, building], ['cpu', 'fp32', null]);
  assert.deepEqual(skipped, [{ provider: 'cuda', reason: 'no driver', fix: 'install it' }]);
  assert.equal(seen(observed, 'station.building'), 1);
  assert.equal(seen(observed, 'station.provider-skipped'), 1);
});

test('a build that never ends, or a station that falls silent in it, is ended', async () => {
  const endless = observe({ script: 'build', parts: 1e6, everyMs: 20 }, BOUND_MS, {
    process: { buildWithinMs: 400, buildSilentMs: 5_000 },
  });
  await until(() => seen(endless, 'station.ended') >= 1, 'it is killed');
  assert.match(String(endless.supervisor.snapshot().reason), /built an engine for more than 400 ms/);
  const silent = observe({ script: 'build and fall silent' }, BOUND_MS, {
    process: { buildWithinMs: BOUND_MS, buildSilentMs: 300 },
  });
  await until(() => seen(silent, 'station.ended') >= 1, 'it is killed');
  assert.match(String(silent.supervisor.snapshot().reason), /was silent for 300 ms while it built an engine/);
  assert.equal(silent.inUse.at(-1)?.building, null);
});

test('a station that crashes on and on is reported as failed, then tried slowly, and the other one is not touched', async () => {
  const good = observe({ script: 'work' });
  await until(() => good.answers.length > 0, 'the good station works');
  const bad = observe({ script: 'crash' }, BOUND_MS, { restart: { maxDelayMs: 20, slowRetryMs: 300 } });
  await until(() => bad.supervisor.snapshot().state === 'failed', 'the bad station has failed');
  assert.equal(seen(bad, 'station.started'), 6);
  assert.match(String(bad.supervisor.snapshot().reason), /ended with exit code 3: Error: out of luck/);
  await until(() => seen(bad, 'station.started') === 7, 'it is tried once more');
  assert.equal(seen(bad, 'station.failed'), 1);

  assert.equal(good.supervisor.snapshot().restarts, 0);
  assert.deepEqual(new Set(reasons(good.answers)), new Set(['pass']));
});

test('a fault that only a person can mend is reported at once and not hammered at', async () => {
  const observed = observe({ script: 'fatal fault' });
  await until(() => observed.supervisor.snapshot().state === 'failed', 'it has failed');
  assert.equal(seen(observed, 'station.started'), 1);
  assert.equal(observed.supervisor.snapshot().reason, 'ended after a fault: there is no model');
});

test('a process that cannot even be made is tried again like one that ended', async () => {
  // A function does not survive the structured clone: the fork itself fails, as it does without memory.
  const start = { script: 'work', parts: (() => 1) as unknown as number } as const;
  const observed = observe(start, BOUND_MS, { restart: { maxDelayMs: 20 } });
  await until(() => observed.supervisor.snapshot().state === 'failed', 'it has failed');
  assert.match(String(observed.supervisor.snapshot().reason), /could not be run: .*could not be cloned/);
  await until(() => childrenOf(process.pid).length === 0, 'nothing is left of the attempts');
});

test('nonsense in the channel, parts of others and verdicts without a part neither reach anybody nor stop the station', async () => {
  const observed = observe({ script: 'nonsense', everyMs: 1 });
  await until(() => observed.answers.length >= 5, 'five parts are answered');
  assert.ok(observed.answers.every(({ part }) => part.station === 's' && part.sequence >= 0));
  assert.ok(observed.supervisor.snapshot().malformed >= 8);
  assert.ok(observed.supervisor.snapshot().ledger.unannounced >= 4);
  assert.equal(seen(observed, 'station.malformed'), 1);
  assert.equal(observed.supervisor.snapshot().restarts, 0);
});

test('what it has proven: nothing at first, then a part or a golden sample; nothing again in its next life', async () => {
  const idle = observe({ script: 'self-test' });
  await until(() => idle.supervisor.snapshot().proven === 'golden sample', 'the golden sample is known');
  process.kill(idle.supervisor.snapshot().pid as number, 'SIGKILL');
  await until(() => idle.supervisor.snapshot().state === 'restarting', 'it is gone');
  assert.equal(idle.supervisor.snapshot().proven, null);
});

test('a station that cannot be ended is overdue, and is so no longer once it is gone', async () => {
  const observed = observe({ script: 'block' }, 60_000, { process: { progressWithinMs: 4_000 } });
  await until(() => observed.supervisor.snapshot().ledger.accepted === 1, 'it has accepted a part');
  assert.equal(observed.supervisor.snapshot().overdueMs, 0);
  // Another process has to come up before this one is killed.
  const letGo = await holdDeath(observed.supervisor.snapshot().pid as number);
  await until(() => observed.supervisor.snapshot().overdueMs > 300, 'it is overdue');
  assert.equal(seen(observed, 'station.ended'), 0);
  await letGo();
  await until(() => seen(observed, 'station.started') === 2, 'the next one is started');
  assert.equal(observed.supervisor.snapshot().overdueMs, 0);
});

test('a stop lets the station finish its part, and leaves no process', async () => {
  const observed = observe({ script: 'slow', everyMs: 0 }, BOUND_MS, { process: { stopWithinMs: BOUND_MS } });
  await until(() => observed.supervisor.snapshot().ledger.accepted >= 1, 'a part is accepted');
  const pid = observed.supervisor.snapshot().pid as number;
  await observed.supervisor.stop();
  assert.equal(isAlive(pid), false);
  assert.deepEqual(new Set(reasons(observed.answers)), new Set(['pass']));
  const { ledger, state } = observed.supervisor.snapshot();
  assert.equal(ledger.answered, ledger.accepted);
  assert.equal(state, 'stopped');
});

test('a station that does not obey is killed after the bound, and its open part is answered', async () => {
  const observed = observe({ script: 'deaf', everyMs: 1 }, BOUND_MS, { process: { stopWithinMs: 200 } });
  await until(() => observed.answers.length >= 1, 'it works');
  const pid = observed.supervisor.snapshot().pid as number;
  await observed.supervisor.stop();
  assert.equal(isAlive(pid), false);
  const { ledger } = observed.supervisor.snapshot();
  assert.equal(ledger.answered + ledger.lost, ledger.accepted);
});

test('a stop during the wait before a restart starts nothing any more', async () => {
  const observed = observe({ script: 'fatal fault' }, BOUND_MS, { restart: { slowRetryMs: 100 } });
  await until(() => observed.supervisor.snapshot().state === 'failed', 'it has failed');
  await observed.supervisor.stop();
  const started = seen(observed, 'station.started');
  await new Promise((done) => setTimeout(done, 250));
  assert.equal(seen(observed, 'station.started'), started);
});

test('a Ctrl-C that reaches a station does not end it: only the agent does', async () => {
  const observed = observe({ script: 'work', everyMs: 5 });
  await until(() => observed.answers.length >= 1, 'it works');
  const pid = observed.supervisor.snapshot().pid as number;
  process.kill(pid, 'SIGINT');
  process.kill(pid, 'SIGTERM');
  const before = observed.answers.length;
  await until(() => observed.answers.length >= before + 10, 'it works on');
  assert.equal(observed.supervisor.snapshot().pid, pid);
});

for (const script of ['work', 'block'] as const) {
  test(`no orphan: a station (${script}) ends when its agent is killed`, async () => {
    const agent = spawn(process.execPath, [ORPHAN_MAKER, script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(agent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString().split('\n')[0]);
    assert.ok(pid > 0 && isAlive(pid));
    agent.kill('SIGKILL');
    await until(() => !isAlive(pid), 'the station is gone');
  });
}

test('a station is asked for another bundle: what it says of that is published, and its parts say which judged them', async () => {
  const observed = observe({ script: 'work' });
  const { supervisor, answers, inUse, bundles } = observed;
  supervisor.switchTo('store/scripted/2');
  await until(() => answers.length > 0, 'it works');
  supervisor.switchTo('store/scripted/2.0.0_0123456789abcdef');
  await until(() => answers.at(-1)?.model === '2.0.0_0123456789abcdef', 'a part is judged by the other');
  supervisor.switchTo('store/scripted/3.0.0_broken');
  await until(() => seen(observed, 'station.switch-refused') === 1, 'the third is refused');
  assert.deepEqual(
    bundles.map((report) => [report.outcome, 'folder' in report && report.folder]),
    [
      ['in use', 'store/scripted/1'],
      ['in use', 'store/scripted/2.0.0_0123456789abcdef'],
      ['refused', 'store/scripted/3.0.0_broken'],
    ],
  );
  const { at, ...refused } = inUse.at(-1)?.refused ?? { at: null };
  assert.deepEqual(refused, {
    model: '3.0.0_broken',
    code: 'SG_MODEL_GOLDEN_MISMATCH',
    reason: 'it computes something else',
  });
  assert.equal(inUse.at(-1)?.model, '2.0.0_0123456789abcdef');
  assert.equal(supervisor.snapshot().state, 'running');
});
