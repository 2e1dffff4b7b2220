import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SideglanceError } from '../../src/errors.js';
import type { ShadowReport, ShadowTask } from '../../src/shadow.js';
import { SHADOW_LIMITS, Shadow, type ShadowModel } from '../../src/station/shadow.js';
import { parseStationMessage } from '../../src/supervision/messages.js';
import type {
  Frame,
  Inspection,
  Picture,
  RegionResult,
  StageTimings,
  StationMessage,
  ThresholdChoice,
  Verdict,
} from '../../src/types.js';
import { frameOf } from './scripted-inspector.js';

const PASS: Verdict = { result: 'pass' };
const FAIL: Verdict = { result: 'fail' };
const NO_PART: Verdict = { result: 'invalid', reason: 'no part' };

function region(name: string, verdict: Verdict, score = 0.5, threshold = 1): RegionResult {
  return {
    region: { name, x: 0, y: 0, width: 4, height: 4 },
    verdict,
    score,
    threshold,
    mapThreshold: 1,
    pValue: 0.5,
    parts: { position: 0, context: 0, distortion: 0 },
    defects: [],
    map: { rows: 1, columns: 1, cell: 4, inputWidth: 4, inputHeight: 4, values: new Float32Array(1) },
  };
}

function answer(frame: Frame, ...regions: RegionResult[]): Inspection {
  const timings: StageTimings = { capture: 9, crop: 1, network: 2, postprocess: 3, encode: 9, total: 30 };
  return { part: { station: 's', epoch: 'e', sequence: frame.sequence }, regions, timings } as unknown as Inspection;
}

/** A shadow whose models answer when the test says so. */
function scripted() {
  const reports: (ShadowReport | null)[] = [];
  const refused: string[] = [];
  const closed: string[] = [];
  const seen: Picture[] = [];
  const thresholds: ThresholdChoice[] = [];
  const clock = { ms: 0 };
  const loading: { folder: string; done: () => void; fail: (thrown: Error) => void }[] = [];
  let waiting: ((answer: readonly RegionResult[] | Error) => void) | null = null;
  const modelOf = (folder: string): ShadowModel => ({
    model: `m@${folder}`,
    provider: 'cpu',
    setThreshold: (choice) => void thresholds.push(choice),
    close: async () => void closed.push(folder),
    inspectRegions: (picture) =>
      new Promise((done, fail) => {
        seen.push(picture);
        waiting = (found) => {
          if (found instanceof Error) fail(found);
          else done({ regions: found, cropMs: 10, networkMs: 20, postprocessMs: 30 });
        };
      }),
  });
  const shadow = new Shadow({
    load: (folder) =>
      new Promise((done, fail) => void loading.push({ folder, done: () => done(modelOf(folder)), fail })),
    threshold: () => ({ score: 0.7 }),
    send: async (message: StationMessage) => {
      assert.deepEqual(parseStationMessage(structuredClone(message)), message, 'the agent understands it');
      if (message.type === 'shadow') reports.push(message.report);
      else if (message.type === 'shadow-refused') refused.push(`${message.folder} ${message.code} ${message.reason}`);
    },
    now: () => clock.ms,
  });
  const reply = async (found: readonly RegionResult[] | Error) => {
    assert.ok(waiting !== null, 'it looks at a part');
    const answers = waiting;
    waiting = null;
    answers(found);
    await turn();
  };
  const begin = async (more: Partial<ShadowTask> = {}) => {
    void shadow.want({ folder: 'b', purpose: 'promotion', parts: null, minutes: null, since: null, ...more });
    await turn();
    loading.at(-1)?.done();
    await turn();
  };
  return { shadow, reports, refused, closed, seen, thresholds, clock, loading, reply, begin };
}

const turn = () => new Promise((done) => setImmediate(done));

test('both are compared at the same parts, region by region, and what is invalid is rejected', async () => {
  const { shadow, reports, clock, reply, begin, thresholds } = scripted();
  await begin({ parts: 3 });
  assert.deepEqual(thresholds, [{ score: 0.7 }], 'it judges by what the station judges by');
  const at = async (now: readonly RegionResult[], shadows: readonly RegionResult[] | Error) => {
    clock.ms += SHADOW_LIMITS.reportEveryMs;
    const frame = frameOf(0);
    shadow.offer(frame, answer(frame, ...now));
    await reply(shadows);
  };
  await at([region('left', PASS, 0.5), region('right', PASS, 0.2)], [region('left', FAIL, 1.5), region('right', PASS)]);
  await at(
    [region('left', FAIL, 1.5), region('right', PASS, 0.4)],
    [region('left', NO_PART, 9), region('right', PASS)],
  );
  await at([region('left', PASS, 1), region('right', PASS, 0.6)], new Error('no'));
  const last = reports.at(-1) as ShadowReport;
  assert.deepEqual(
    reports.map((one) => [one?.isOver, one?.compared]),
    [
      [false, 0],
      [false, 1],
      [false, 2],
      [true, 3],
    ],
  );
  assert.deepEqual([last.compared, last.failed, last.unseen], [3, 1, 0]);
  assert.deepEqual(last.outcomes, { bothPass: 0, bothReject: 1, onlyCurrentRejects: 0, onlyShadowRejects: 2 });
  assert.deepEqual(last.judgeMs, { current: 6, shadow: 60 });
  const [left, right] = last.regions;
  assert.deepEqual(left?.outcomes, { bothPass: 0, bothReject: 1, onlyCurrentRejects: 0, onlyShadowRejects: 2 });
  assert.deepEqual(left?.shadow, { mean: 1.5, deviation: 0 }, 'no part has no score');
  assert.deepEqual(left?.current, { mean: 1, deviation: 0.5 });
  assert.deepEqual(right?.outcomes, { bothPass: 2, bothReject: 0, onlyCurrentRejects: 0, onlyShadowRejects: 1 });
});

test('it looks at a copy, at one part at a time, and counts the others', async () => {
  const { shadow, reports, seen, reply, begin } = scripted();
  await begin({ parts: 2 });
  const frames = [frameOf(0), frameOf(1), frameOf(2)];
  for (const [i, frame] of frames.entries()) {
    frame.picture.data.fill(i + 1);
    shadow.offer(frame, answer(frame, region('frame', PASS)));
    // The camera has its memory back.
    frame.picture.data.fill(0);
  }
  assert.deepEqual(
    seen.map(({ data }) => data[5]),
    [1],
  );
  await reply([region('frame', PASS)]);
  const frame = frameOf(3);
  frame.picture.data.fill(4);
  shadow.offer(frame, answer(frame, region('frame', PASS)));
  assert.equal(seen[1]?.data[5], 4);
  await reply([region('frame', PASS)]);
  const { compared, unseen, isOver } = reports.at(-1) as ShadowReport;
  assert.deepEqual([compared, unseen, isOver], [2, 2, true]);
});

test('its time ends it where no part comes, and its model is let go', async () => {
  const { shadow, reports, clock, closed, begin } = scripted();
  await begin({ parts: 100, minutes: 5 });
  clock.ms = 5 * 60_000 - 1;
  shadow.check();
  assert.equal(reports.at(-1)?.isOver, false);
  clock.ms++;
  shadow.check();
  assert.deepEqual([reports.at(-1)?.isOver, reports.at(-1)?.compared], [true, 0]);
  await turn();
  assert.deepEqual(closed, ['b']);
  await shadow.want(null);
  assert.notEqual(reports.at(-1), null, 'what it found stays');
});

test('a newer wish ends it, also while it loads; none at all says so', async () => {
  const { shadow, reports, closed, loading, begin } = scripted();
  await begin();
  const c: ShadowTask = { folder: 'c', purpose: 'promotion', parts: null, minutes: null, since: null };
  void shadow.want(c);
  await turn();
  assert.deepEqual([closed, reports.at(-1)], [['b'], null]);
  void shadow.want({ ...c, folder: 'd' });
  loading.at(-1)?.done();
  await turn();
  assert.deepEqual(closed, ['b', 'c']);
  loading.at(-1)?.done();
  await turn();
  assert.equal(reports.at(-1)?.folder, 'd');
  await shadow.want(null);
  assert.deepEqual([reports.at(-1), closed], [null, ['b', 'c', 'd']]);
});

test('one that does not load is refused, and parts go on without it', async () => {
  const { shadow, refused, loading, seen } = scripted();
  const wanted = shadow.want({ folder: 'b', purpose: 'promotion', parts: 1, minutes: null, since: null });
  await turn();
  loading[0]?.fail(new SideglanceError('SG_MODEL_GOLDEN_MISMATCH', 'something else'));
  await wanted;
  const frame = frameOf(0);
  shadow.offer(frame, answer(frame, region('frame', PASS)));
  assert.deepEqual([refused, seen], [['b SG_MODEL_GOLDEN_MISMATCH something else'], []]);
});
