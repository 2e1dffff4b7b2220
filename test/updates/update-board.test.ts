import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { emptyState, type ModelState } from '../../src/model/store/state.js';
import {
  activated,
  barred,
  confirmed,
  planned,
  rolledBack,
  unplanned,
  withInstalled,
} from '../../src/model/store/transitions.js';
import { now } from '../../src/publish/clock.js';
import { UPDATE_MESSAGE_LIMITS, type UpdateReport } from '../../src/publish/update-message.js';
import { type Announced, UpdateBoard } from '../../src/updates/update-board.js';

const root = await mkdtemp(join(tmpdir(), 'sideglance-board-'));
after(() => rm(root, { recursive: true, force: true }));

const DIGESTS = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string];
let boards = 0;

function boardIn(file = join(root, `${boards++}`, 'updates.json')) {
  const published: (readonly UpdateReport[])[] = [];
  const phases: string[] = [];
  const faults: string[] = [];
  const board = new UpdateBoard({
    file,
    now,
    publish: (reports) => published.push(reports),
    onPhase: ({ key, phase }) => phases.push(`${key} ${phase}`),
    onFault: ({ message }) => faults.push(message),
  });
  return { file, board, published, phases, faults, last: () => published.at(-1) as readonly UpdateReport[] };
}

function announced(key: string): Announced {
  return { key, origin: 'command', rollout: null, model: 'bracket', version: null, stations: null };
}

/** Three versions, the first of them active. */
function threeVersions(): ModelState {
  const at = new Date().toISOString();
  const state = DIGESTS.reduce(
    (before, digest, i) => withInstalled(before, { version: `${i + 1}.0.0`, digest, at, signers: [] }),
    emptyState('bracket'),
  );
  return activated(state, DIGESTS[0]);
}

/** The phases of the update to the second version, as the state of its model changes. */
function phasesOver(...states: readonly ModelState[]): string[] {
  const { board, last } = boardIn();
  board.add(announced('u'));
  board.change('u', { phase: 'active', digest: DIGESTS[1] });
  return states.map((state) => {
    board.follow(state);
    const { phase, code, reason } = last()[0] as UpdateReport;
    return [phase, code, reason].filter((one) => one !== null).join(' | ');
  });
}

test('a plan is scheduled or a shadow, until its model is active, or is not to be any longer, with the reason', () => {
  const since = new Date().toISOString();
  const later = planned(threeVersions(), { digest: DIGESTS[1], when: 'idle', shadow: null, since });
  const shadow = { parts: 20, minutes: 0 };
  const beside = planned(threeVersions(), { digest: DIGESTS[1], when: 'now', shadow, since });
  assert.deepEqual(phasesOver(later, activated(later, DIGESTS[1])), ['scheduled', 'active']);
  assert.deepEqual(phasesOver(beside, unplanned(beside)), ['shadow', 'installed | it is not to take over any longer']);
  const { board, last } = boardIn();
  board.add({ ...announced('u'), version: '2.0.0' });
  board.change('u', { phase: 'shadow', digest: DIGESTS[1] });
  board.follow(unplanned(beside));
  board.notPromoted('bracket@3.0.0', 'another');
  assert.equal(last()[0]?.phase, 'installed');
  board.notPromoted('bracket@2.0.0', 'they agree too seldom');
  assert.deepEqual(
    [last()[0]?.phase, last()[0]?.code, last()[0]?.reason],
    ['refused', 'SG_BUNDLE_SHADOW', 'they agree too seldom'],
  );
});

test('a probation ends as active when it is confirmed, and as rolled back, with the reason, when it fails', () => {
  const trial = activated(threeVersions(), DIGESTS[1], { probation: true });
  assert.deepEqual(phasesOver(trial, confirmed(trial)), ['probation', 'active']);
  const bar = { version: '2.0.0', digest: DIGESTS[1], reason: 'too slow', at: new Date().toISOString() };
  const back = barred(rolledBack(trial), bar);
  assert.deepEqual(phasesOver(trial, back), ['probation', 'rolled back | SG_BUNDLE_PROBATION | too slow']);
  assert.deepEqual(phasesOver(trial, confirmed(trial), back), [
    'probation',
    'active',
    'rolled back | SG_BUNDLE_BARRED | too slow',
  ]);
  assert.deepEqual(phasesOver(trial, rolledBack(trial)), [
    'probation',
    'rolled back | bracket@1.0.0 was made active again',
  ]);
});

test('what a later version replaces stays active, and does not become it while it was on probation', () => {
  const trial = activated(threeVersions(), DIGESTS[1], { probation: true });
  const later = activated(trial, DIGESTS[2], { probation: true });
  assert.deepEqual(phasesOver(trial, later), [
    'probation',
    'installed | bracket@3.0.0 was made active before it was confirmed',
  ]);
  assert.deepEqual(phasesOver(trial, confirmed(trial), activated(confirmed(trial), DIGESTS[2])), [
    'probation',
    'active',
    'active',
  ]);
});

test('what a crash interrupts is told as interrupted, unless the store says that it had come further', async () => {
  const first = boardIn();
  for (const key of ['a', 'b', 'c']) first.board.add(announced(key));
  first.board.change('a', { phase: 'downloading', percent: 40 });
  first.board.change('b', { phase: 'proving', digest: DIGESTS[1] });
  first.board.change('c', { phase: 'refused', code: 'SG_BUNDLE_DIGEST', reason: 'other' });
  await first.board.close();
  const second = boardIn(first.file);
  second.board.tell();
  const told = () => second.last().map(({ key, phase, code }) => `${key} ${phase} ${code}`);
  assert.deepEqual(told(), [
    'c refused SG_BUNDLE_DIGEST',
    'b refused SG_COMMAND_INTERRUPTED',
    'a refused SG_COMMAND_INTERRUPTED',
  ]);
  second.board.follow(threeVersions());
  assert.match(told()[1] as string, /INTERRUPTED/);
  second.board.follow(activated(threeVersions(), DIGESTS[1], { probation: true }));
  assert.equal(told()[1], 'b probation null');
  await second.board.close();
});

test('progress is published a few times a second, phases at once, and each phase is kept', async () => {
  const { board, published, phases, last, file } = boardIn();
  board.add(announced('u'));
  board.change('u', { phase: 'downloading' });
  const before = published.length;
  for (let percent = 0; percent <= 100; percent++) board.change('u', { percent });
  assert.ok(published.length <= before + 1);
  board.change('u', { phase: 'verifying', percent: 0 });
  assert.equal(last()[0]?.phase, 'verifying');
  assert.deepEqual(phases, ['u waiting', 'u downloading', 'u verifying']);
  await board.close();
  assert.match(await readFile(file, 'utf8'), /"verifying"/);
});

test('the newest updates are kept, one for each key, and a file that cannot be read is told of', async () => {
  const { board, last, file } = boardIn();
  const keys = Array.from({ length: 20 }, (_, i) => `u${i}`);
  for (const key of keys) board.add(announced(key));
  board.add(announced('u18'));
  assert.deepEqual(
    last().map(({ key }) => key),
    ['u18', 'u19', 'u17', 'u16', 'u15', 'u14', 'u13', 'u12'],
  );
  assert.equal(last().length, UPDATE_MESSAGE_LIMITS.reports);
  board.change('u0', { phase: 'active' });
  await board.close();
  await writeFile(file, '{');
  const { faults, board: next, last: nothing } = boardIn(file);
  next.tell();
  assert.deepEqual([faults.length, nothing()], [1, []]);
});
