import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  bundleFolder,
  emptyState,
  type ModelState,
  type Plan,
  STATE_FILE,
  stateText,
} from '../../src/model/store/state.js';
import { activated, confirmed, planned, rolledBack, withInstalled } from '../../src/model/store/transitions.js';
import { replaceFile } from '../../src/model/sync.js';
import type { PairedOutcomes, ShadowReport, ShadowTask } from '../../src/shadow.js';
import type { FailedBundle, Inspection, Verdict } from '../../src/types.js';
import { ModelKeeper, type ModelKeeperOptions } from '../../src/updates/model-keeper.js';
import { PLAN_LIMITS } from '../../src/updates/plans.js';

const BOUND_MS = 30_000;
const root = await mkdtemp(join(tmpdir(), 'sideglance-keeper-'));
after(() => rm(root, { recursive: true, force: true }));

const DIGESTS = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string];
let models = 0;

/** A model of which three versions are installed, and a keeper of two stations that run it. */
async function kept(
  probation: Partial<ModelKeeperOptions['probation']> = {},
  plans: Partial<ModelKeeperOptions['plans']> = {},
) {
  const model = join(root, `m${models++}`);
  let state: ModelState = emptyState('bracket');
  for (const [i, digest] of DIGESTS.entries()) {
    state = withInstalled(state, { version: `${i + 1}.0.0`, digest, at: new Date().toISOString(), signers: [] });
  }
  const folders = state.installed.map((one) => join(model, bundleFolder(one))) as [string, string, string];
  const asked: string[] = [];
  const events: string[] = [];
  const told: string[] = [];
  const shadows: string[] = [];
  const stations = ['top', 'side'].map((name) => ({
    model,
    station: {
      name,
      switchTo: (folder: string) => void asked.push(`${name} ${folders.indexOf(folder)}`),
      shadow: (task: ShadowTask | null) =>
        void shadows.push(`${name} ${task === null ? 'none' : `${folders.indexOf(task.folder)} ${task.purpose}`}`),
      startSoon: () => void asked.push(`${name} start`),
      tellRefused: ({ folder, reason }: FailedBundle) =>
        void told.push(`${name} ${folders.indexOf(folder)}: ${reason}`),
    },
  }));
  const change = async (next: (before: ModelState) => ModelState) => {
    state = next(state);
    await mkdir(model, { recursive: true });
    await replaceFile(join(model, STATE_FILE), stateText(state));
    return state;
  };
  const keeper = new ModelKeeper({
    stations,
    lookEveryMs: 20,
    store: { change: (_, next) => change(next) },
    probation: { minutes: 60, confirm: 'auto', maxJudgeMs: 100, compare: false, toleratedShare: 0.02, ...probation },
    plans: {
      idleMs: 100,
      leastAgreement: 0.95,
      promote: 'auto',
      probation: true,
      nowMs: () => Date.now(),
      ...plans,
    },
    onEvent: (_, event, { reason }) => events.push(`${event} ${reason ?? ''}`),
  });
  const until = async (...wanted: string[]) => {
    const end = Date.now() + BOUND_MS;
    while (asked.length < wanted.length) {
      assert.ok(Date.now() < end, `${JSON.stringify(asked)} instead of ${JSON.stringify(wanted)}`);
      await new Promise((done) => setTimeout(done, 5));
    }
    assert.deepEqual(asked.splice(0).sort(), wanted.sort());
  };
  const inUse = (station: string, i: 0 | 1 | 2) =>
    keeper.report(station, { outcome: 'in use', folder: folders[i], passedOver: [] });
  return { keeper, folders, change, until, inUse, events, told, shadows, asked, stateNow: () => state };
}

test('what another process makes active is asked of every station that runs the model, and only of those concerned', async () => {
  const { keeper, change, until, inUse } = await kept();
  await change((state) => activated(state, DIGESTS[0]));
  keeper.start();
  inUse('top', 0);
  inUse('side', 0);
  await change((state) => activated(state, DIGESTS[1]));
  await until('top 1', 'side 1');
  inUse('top', 1);
  inUse('side', 1);
  await change((state) => activated(state, DIGESTS[2], { station: 'top' }));
  await until('top 2');
  inUse('top', 2);
  await change((state) => rolledBack(state, { station: 'top' }));
  await until('top 1');
  await keeper.stop();
});

test('a bundle that a station refused is not asked for again, until another was', async () => {
  const { keeper, change, until, inUse, folders, asked } = await kept();
  await change((state) => activated(state, DIGESTS[0]));
  keeper.start();
  inUse('top', 0);
  await change((state) => activated(state, DIGESTS[1]));
  await until('top 1', 'side start');
  keeper.report('top', { outcome: 'refused', folder: folders[1], code: 'SG_RUNTIME', reason: 'no' });
  await change((state) => ({ ...state, latest: new Date().toISOString() }));
  await until('side start');
  await change((state) => rolledBack(state));
  await until('side start');
  assert.deepEqual(asked, [], 'it runs the first already');
  await change((state) => activated(state, DIGESTS[1]));
  await until('top 1', 'side start');
  await keeper.stop();
});

test('a wish that is taken back while a station still loads is taken back there', async () => {
  const { keeper, change, until, inUse } = await kept();
  await change((state) => activated(state, DIGESTS[0]));
  keeper.start();
  inUse('top', 0);
  inUse('side', 0);
  await change((state) => activated(state, DIGESTS[1]));
  await until('top 1', 'side 1');
  await change((state) => rolledBack(state));
  await until('top 0', 'side 0');
  await keeper.stop();
});

test('a station that waits for its first model starts as soon as one is active, whatever else was there before', async () => {
  const { keeper, change, until, events } = await kept();
  keeper.start();
  await change((state) => activated(state, DIGESTS[0]));
  await until('top start', 'side start');
  keeper.report('top', { outcome: 'lost', reason: 'was killed' });
  await keeper.stop();
  assert.deepEqual(events, []);
});

/** Both stations run the second version, which is on probation. */
async function onProbation(probation: Partial<ModelKeeperOptions['probation']> = {}) {
  const all = await kept(probation);
  await all.change((state) => activated(state, DIGESTS[0]));
  all.keeper.start();
  all.inUse('top', 0);
  all.inUse('side', 0);
  await all.change((state) => activated(state, DIGESTS[1], { probation: true }));
  await all.until('top 1', 'side 1');
  return all;
}

function part(version: string, verdict: Verdict, judgeMs = 1): Inspection {
  const timings = { capture: 0, crop: 0, network: judgeMs, postprocess: 0, encode: 0, total: judgeMs };
  const station = 'top';
  return {
    part: { station, epoch: 'e', sequence: 0 },
    model: `m${models - 1}@${version}`,
    verdict,
    timings,
    regions: [{}],
  } as unknown as Inspection;
}

const PASS: Verdict = { result: 'pass' };
const FAIL: Verdict = { result: 'fail' };
const ERROR: Verdict = { result: 'invalid', reason: 'error' };

test('on probation: a station that refuses it sends all back to the last good one, and the bundle is barred', async () => {
  const { keeper, until, inUse, folders, told, events, stateNow } = await onProbation();
  inUse('top', 1);
  keeper.report('side', { outcome: 'refused', folder: folders[1], code: 'SG_RUNTIME', reason: 'no' });
  await until('top 0');
  inUse('top', 0);
  await keeper.stop();
  const { slots, barred } = stateNow();
  assert.equal(slots['*']?.active, DIGESTS[0]);
  assert.equal(slots['*']?.probation, false);
  assert.deepEqual(
    barred.map(({ digest, reason }) => [digest, reason]),
    [[DIGESTS[1], 'station side does not run it: no']],
  );
  assert.deepEqual(events, ['model.rolled-back station side does not run it: no']);
  assert.ok(told.includes('side 1: station side does not run it: no'));
});

test('on probation: processes that end again and again send it back, also while they load it', async () => {
  const { keeper, until, inUse, asked, stateNow } = await onProbation();
  keeper.report('top', { outcome: 'lost', reason: 'was killed by SIGSEGV' });
  inUse('side', 1);
  keeper.report('top', { outcome: 'lost', reason: 'was killed by SIGSEGV' });
  inUse('top', 1);
  await new Promise((done) => setTimeout(done, 60));
  assert.deepEqual(asked, []);
  keeper.report('top', { outcome: 'lost', reason: 'was killed by SIGSEGV' });
  await until('side 0', 'top start');
  await keeper.stop();
  assert.match(stateNow().barred[0]?.reason ?? '', /ended 3 times; at last one of station top was killed by SIGSEGV/);
});

test('on probation: parts that cannot be judged, or take too long, send it back; rejects do not', async () => {
  const rejects = await onProbation();
  rejects.inUse('top', 1);
  await settled();
  for (let i = 0; i < 200; i++) rejects.keeper.add(part('2.0.0', FAIL));
  await rejects.keeper.stop();
  assert.equal(rejects.stateNow().slots['*']?.active, DIGESTS[1]);

  for (const [bad, reason] of [
    [part('2.0.0', ERROR), /^11 of the last 50 parts of station top could not be judged, 0 with/],
    [part('2.0.0', PASS, 120), /^parts of station top take 120\.0 ms, 100 are allowed/],
  ] as const) {
    const { keeper, inUse, until, stateNow } = await onProbation();
    inUse('top', 1);
    await settled();
    for (let i = 0; i < 60; i++) keeper.add({ ...bad, model: `m${models - 1}@2.0.0` });
    await until('side 0', 'top 0');
    await keeper.stop();
    assert.match(stateNow().barred[0]?.reason ?? '', reason);
  }
});

test('on probation: a line that could not be judged before either does not send it back', async () => {
  const { keeper, change, inUse, until, stateNow } = await kept();
  await change((state) => activated(state, DIGESTS[0]));
  keeper.start();
  inUse('top', 0);
  await settled();
  for (let i = 0; i < 50; i++) keeper.add(part('1.0.0', ERROR));
  await change((state) => activated(state, DIGESTS[1], { probation: true }));
  await until('side start', 'top 1');
  inUse('top', 1);
  await settled();
  for (let i = 0; i < 100; i++) keeper.add(part('2.0.0', ERROR));
  await keeper.stop();
  assert.equal(stateNow().slots['*']?.active, DIGESTS[1]);
});

test('the time ends a probation: the model is confirmed, or, where somebody has to do that, goes back', async () => {
  const auto = await onProbation({ minutes: 0.001 });
  auto.inUse('top', 1);
  await eventually(() => auto.events.length > 0);
  await auto.keeper.stop();
  assert.deepEqual(auto.events, ['model.confirmed ']);
  assert.equal(auto.stateNow().slots['*']?.lastGood, DIGESTS[1]);

  const required = await onProbation({ minutes: 0.001, confirm: 'required' });
  required.inUse('top', 1);
  await eventually(() => required.events.length > 0);
  await required.keeper.stop();
  assert.deepEqual(required.events, ['model.rolled-back nobody confirmed it within 0.001 minutes']);

  const byHand = await onProbation({ minutes: 0.01, confirm: 'required' });
  await byHand.change((state) => confirmed(state));
  byHand.inUse('top', 1);
  await new Promise((done) => setTimeout(done, 700));
  await byHand.keeper.stop();
  assert.deepEqual(byHand.events, []);
});

test('a daemon that starts anew goes on with a probation', async () => {
  const first = await kept();
  await first.change((state) => activated(state, DIGESTS[0]));
  await first.change((state) => activated(state, DIGESTS[1], { probation: true }));
  first.keeper.start();
  for (let i = 0; i < 3; i++) first.keeper.report('top', { outcome: 'lost', reason: 'ended' });
  await eventually(() => first.stateNow().slots['*']?.active === DIGESTS[0]);
  await first.keeper.stop();
});

/** The second version is planned beside the first, which both stations run. */
async function withPlan(
  plan: Partial<Plan>,
  plans: Partial<ModelKeeperOptions['plans']> = {},
  probation: Partial<ModelKeeperOptions['probation']> = {},
) {
  const all = await kept(probation, plans);
  await all.change((state) => activated(state, DIGESTS[0]));
  all.keeper.start();
  all.inUse('top', 0);
  all.inUse('side', 0);
  const since = new Date().toISOString();
  await all.change((state) => planned(state, { digest: DIGESTS[1], when: 'now', shadow: null, since, ...plan }));
  return all;
}

const NOTHING: PairedOutcomes = { bothPass: 0, bothReject: 0, onlyCurrentRejects: 0, onlyShadowRejects: 0 };

function report(folder: string, outcomes: Partial<PairedOutcomes>, more: Partial<ShadowReport> = {}): ShadowReport {
  const counts = { ...NOTHING, ...outcomes };
  return {
    folder,
    model: 'bracket@0.0.0',
    purpose: 'promotion',
    wanted: { parts: 50, minutes: null },
    isOver: true,
    compared: Object.values(counts).reduce((sum, count) => sum + count, 0),
    unseen: 0,
    failed: 0,
    outcomes: counts,
    regions: [],
    judgeMs: { current: 1, shadow: 1 },
    ...more,
  };
}

test('what is planned takes over at its time, also where the daemon was not there then, and only by a clock that is right', async () => {
  let nowMs: number | null = null;
  const when = '2030-01-31T22:00:00.000Z';
  const { keeper, until, asked, events, stateNow } = await withPlan({ when }, { nowMs: () => nowMs });
  await settled();
  await new Promise((done) => setTimeout(done, 2 * PLAN_LIMITS.lookEveryMs));
  nowMs = Date.parse(when) - 1;
  await new Promise((done) => setTimeout(done, 2 * PLAN_LIMITS.lookEveryMs));
  assert.deepEqual(asked, []);
  nowMs = Date.parse(when) + 3_600_000;
  await until('top 1', 'side 1');
  await keeper.stop();
  assert.deepEqual(events, ['model.promoted ']);
  assert.deepEqual(stateNow().plans, {});
  assert.equal(stateNow().slots['*']?.probation, true);
});

test('what waits for an idle line takes over once no part has come to any of its stations for that time', async () => {
  const { keeper, until, asked } = await withPlan({ when: 'idle' }, { idleMs: 1_000 });
  const busyUntil = Date.now() + 2_500;
  while (Date.now() < busyUntil) {
    keeper.add(part('1.0.0', PASS));
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.deepEqual(asked, [], 'the other station has been idle all the time');
  await until('top 1', 'side 1');
  await keeper.stop();
});

test('a shadow that agrees at every station takes over; nobody is asked for it twice', async () => {
  const { keeper, until, shadows, folders, asked, stateNow } = await withPlan({ shadow: { parts: 50, minutes: 0 } });
  await eventually(() => shadows.length === 2);
  assert.deepEqual(shadows.splice(0).sort(), ['side 1 promotion', 'top 1 promotion']);
  const good = report(folders[1], { bothPass: 40, bothReject: 8, onlyShadowRejects: 1, onlyCurrentRejects: 1 });
  keeper.report('top', { outcome: 'compared', report: { ...good, isOver: false } });
  keeper.report('top', { outcome: 'compared', report: good });
  await new Promise((done) => setTimeout(done, 2 * PLAN_LIMITS.lookEveryMs));
  assert.deepEqual([asked, shadows], [[], []], 'the other one has not seen enough');
  keeper.report('side', { outcome: 'compared', report: good });
  await until('top 1', 'side 1');
  assert.deepEqual(shadows.sort(), ['side none', 'top none']);
  await keeper.stop();
  assert.deepEqual(stateNow().plans, {});
});

test('what a shadow found beside a model that is no longer in use does not count, and the same plan made once more begins anew', async () => {
  const { keeper, change, until, inUse, shadows, folders, asked, stateNow } = await withPlan({
    shadow: { parts: 50, minutes: 0 },
  });
  await eventually(() => shadows.length === 2);
  const good = report(folders[1], { bothPass: 50 });
  keeper.report('top', { outcome: 'compared', report: good });
  await settled();
  shadows.splice(0);
  const plan = stateNow().plans['*'] as Plan;
  await change((state) => planned(state, { ...plan, since: new Date(Date.now() + 1).toISOString() }));
  await eventually(() => shadows.length === 2);
  assert.deepEqual(shadows.splice(0).sort(), ['side 1 promotion', 'top 1 promotion']);
  keeper.report('top', { outcome: 'compared', report: good });
  inUse('top', 2);
  await until('top 0');
  inUse('top', 0);
  keeper.report('side', { outcome: 'compared', report: good });
  await new Promise((done) => setTimeout(done, 2 * PLAN_LIMITS.lookEveryMs));
  assert.deepEqual(asked, []);
  keeper.report('top', { outcome: 'compared', report: good });
  await until('top 1', 'side 1');
  await keeper.stop();
});

test('a shadow that disagrees, saw too little, does not load, or ends its station again and again is not promoted', async () => {
  const shadow = { parts: 50, minutes: 10 };
  const cases: [RegExp, (all: Awaited<ReturnType<typeof kept>>) => void][] = [
    [
      /^at 50 parts of station top it agrees with the model in use in 94 %, at least 95 % are needed: 2 it alone rejects, 1 it alone passes$/,
      ({ keeper, folders }) => {
        const bad = { bothPass: 47, onlyShadowRejects: 2, onlyCurrentRejects: 1 };
        keeper.report('side', { outcome: 'compared', report: report(folders[1], { bothPass: 50 }) });
        keeper.report('top', { outcome: 'compared', report: report(folders[1], bad) });
      },
    ],
    [
      /^only 3 parts of station side were compared in 10 minutes, 20 are needed$/,
      ({ keeper, folders }) => {
        const early = report(folders[1], { bothPass: 3 }, { wanted: { parts: 50, minutes: 10 } });
        keeper.report('top', { outcome: 'compared', report: report(folders[1], { bothPass: 50 }) });
        keeper.report('side', { outcome: 'compared', report: early });
      },
    ],
    [
      /^station side does not run it: no$/,
      ({ keeper, folders }) =>
        keeper.report('side', { outcome: 'shadow refused', folder: folders[1], code: 'SG_RUNTIME', reason: 'no' }),
    ],
    [
      /ended 3 times; at last one of station top was killed/,
      ({ keeper, inUse }) => {
        for (let i = 0; i < 3; i++) {
          keeper.report('top', { outcome: 'lost', reason: 'was killed' });
          inUse('top', 0);
        }
      },
    ],
  ];
  for (const [reason, happens] of cases) {
    const all = await withPlan({ shadow });
    await eventually(() => all.shadows.length === 2);
    happens(all);
    await eventually(() => all.events.length > 0);
    await all.keeper.stop();
    const [name, ...words] = (all.events[0] as string).split(' ');
    assert.equal(name, 'model.not-promoted');
    assert.match(words.join(' '), reason);
    assert.deepEqual(all.told.map((text) => text.split(':')[0]).sort(), ['side 1', 'top 1']);
    const { plans, slots, barred } = all.stateNow();
    assert.deepEqual([plans, slots['*']?.active, barred], [{}, DIGESTS[0], []]);
  }
});

test('with `promote: command` a shadow waits for somebody, whatever it has found', async () => {
  const shadow = { parts: 50, minutes: 0 };
  const { keeper, shadows, folders, events, stateNow } = await withPlan(
    { when: 'idle', shadow },
    { promote: 'command' },
  );
  await eventually(() => shadows.length === 2);
  for (const station of ['top', 'side']) {
    keeper.report(station, { outcome: 'compared', report: report(folders[1], { onlyShadowRejects: 50 }) });
  }
  await eventually(() => events.length > 0);
  await new Promise((done) => setTimeout(done, 2 * PLAN_LIMITS.lookEveryMs));
  await keeper.stop();
  assert.deepEqual(events, ['model.shadowed ']);
  const { digest, when, shadow: left } = stateNow().plans['*'] as Plan;
  assert.deepEqual([digest, when, left], [DIGESTS[1], 'command', null]);
});

test('a shadow comes before its time, and what takes over then needs none again', async () => {
  let nowMs = 0;
  const when = '2030-01-31T22:00:00.000Z';
  const shadow = { parts: 50, minutes: 0 };
  const { keeper, until, shadows, folders, events } = await withPlan({ when, shadow }, { nowMs: () => nowMs });
  await eventually(() => shadows.length === 2);
  for (const station of ['top', 'side']) {
    keeper.report(station, { outcome: 'compared', report: report(folders[1], { bothPass: 50 }) });
  }
  await eventually(() => events.length > 0 && shadows.length === 4);
  assert.deepEqual(events, ['model.shadowed ']);
  nowMs = Date.parse(when);
  await until('top 1', 'side 1');
  await keeper.stop();
  assert.deepEqual(shadows.slice(2).sort(), ['side none', 'top none']);
});

test('on probation with `probationCompare`: true defects that both reject leave it, defects of its own send it back', async () => {
  const { keeper, inUse, shadows, folders, until, asked, stateNow } = await onProbation({ compare: true });
  inUse('top', 1);
  inUse('side', 1);
  await eventually(() => shadows.length === 2);
  assert.deepEqual(shadows.sort(), ['side 0 probation', 'top 0 probation']);
  const compared = (outcomes: Partial<PairedOutcomes>) =>
    keeper.report('top', {
      outcome: 'compared',
      report: report(folders[0], outcomes, { purpose: 'probation', isOver: false, model: 'bracket@1.0.0' }),
    });
  compared({ bothPass: 20 });
  compared({ bothPass: 20, bothReject: 400 });
  await settled();
  assert.deepEqual(asked, [], 'a wave of true defects');
  compared({ bothPass: 600, bothReject: 400, onlyCurrentRejects: 60 });
  await until('top 0', 'side 0');
  await keeper.stop();
  assert.match(
    stateNow().barred[0]?.reason ?? '',
    /^at station top, at 60 of 1060 parts it rejects what bracket@1\.0\.0 passes, 2 % are tolerated/,
  );
});

async function eventually(holds: () => boolean): Promise<void> {
  const end = Date.now() + BOUND_MS;
  while (!holds()) {
    assert.ok(Date.now() < end, 'waited in vain');
    await new Promise((done) => setTimeout(done, 5));
  }
}

/** What was reported is read from the disk and acted on. */
async function settled(): Promise<void> {
  await new Promise((done) => setTimeout(done, 100));
}
