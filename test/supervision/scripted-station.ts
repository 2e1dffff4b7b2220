/**
 * A station process whose "camera" and "model" follow a script: everything about the process and its channel is real.
 * It shows each way in which a station can fail.
 */
import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { AgentChannel } from '../../src/station/channel.js';
import type { Inspection, PartId, StationMessage, Timestamp } from '../../src/types.js';

export type Script =
  /** Judges a part each `everyMs`. */
  | 'work'
  /** Accepts `parts` parts and never answers; its pull loop goes on. */
  | 'accept and hang'
  | 'long part'
  /** Blocks its JavaScript thread for good, as a native call on it would. */
  | 'block'
  /** Gets no part; its model has proven itself. */
  | 'self-test'
  /** Repeats the same progress counters by a timer. */
  | 'fake progress'
  /** Exits with code 3 right after it is ready. */
  | 'crash'
  /** Never gets ready. */
  | 'load for ever'
  /** Says `parts` times, each `everyMs`, that it builds an engine, and gets ready then; one provider was skipped. */
  | 'build'
  /** Says once that it builds an engine, and nothing more. */
  | 'build and fall silent'
  /** Reports a fault that only a person can mend, and ends. */
  | 'fatal fault'
  /** Answers each part 150 ms after accepting it. */
  | 'slow'
  /** Sends nonsense, and parts of another station, between its parts. */
  | 'nonsense'
  /** Works, but does not react to `stop`. */
  | 'deaf'
  /** Gets no frames but those that are asked for, and does as it is told; `snapshot` it never answers. */
  | 'obey'
  /** Works for three parts, answers the third and kills itself at once. */
  | 'die after an answer';

export interface ScriptedStart {
  readonly station: string;
  readonly script: Script;
  readonly parts?: number;
  readonly everyMs?: number;
}

const channel = new AgentChannel<ScriptedStart>();
const { station, script, parts = 1, everyMs = 20 } = await channel.started;
const epoch = randomUUID();

function now(): Timestamp {
  return { utc: new Date().toISOString(), monotonicMs: Number(process.hrtime.bigint()) / 1e6 };
}

function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

function inspection(part: PartId, captured: Timestamp): Inspection {
  return {
    part,
    captured,
    ptsNs: 0n,
    frameWidth: 4,
    frameHeight: 4,
    model: inUse.model,
    provider: 'cpu',
    verdict: { result: 'pass' },
    regions: [],
    timings: {
      capture: 0,
      crop: 0,
      network: 0,
      postprocess: 0,
      encode: 0,
      total: now().monotonicMs - captured.monotonicMs,
    },
    skippedFrames: 0,
  };
}

async function onePart(sequence: number, workMs: number, trigger: number | null = null): Promise<void> {
  const part = { station, epoch, sequence };
  const captured = now();
  await channel.send({ type: 'accepted', part, captured, trigger });
  if (workMs > 0) await sleep(workMs);
  await channel.send({ type: 'inspection', inspection: inspection(part, captured), attachments: [] });
}

function progress(pulls: number, selfTests = 0, runs = 0): Promise<void> {
  return channel.send({
    type: 'progress',
    pulls,
    parts: 0,
    selfTests,
    runs,
    rssBytes: process.memoryUsage.rss(),
    lagMs: 0,
  });
}

let runs = 0;

/** A part that takes much longer than a station may show nothing, in many runs of the network. */
async function longPart(sequence: number): Promise<void> {
  const part = { station, epoch, sequence };
  const captured = now();
  await channel.send({ type: 'accepted', part, captured, trigger: null });
  for (let run = 0; run < 20; run++) {
    await sleep(everyMs);
    await progress(1, 0, ++runs);
  }
  await channel.send({ type: 'inspection', inspection: inspection(part, captured), attachments: [] });
}

if (script === 'load for ever') await sleep(1e9);
if (script === 'fatal fault') {
  await channel.send({ type: 'fault', code: 'SG_MODEL_UNREADABLE', message: 'there is no model', fatal: true });
  process.exit(1);
}
const build = { provider: 'tensorrt', precision: 'fp16', phase: 'building', elapsedS: 0 } as const;
for (let elapsedS = 0; script === 'build' && elapsedS < parts; elapsedS++) {
  await channel.send({ type: 'building', model: 'scripted@1', build: { ...build, elapsedS } });
  await sleep(everyMs);
}
if (script === 'build and fall silent') {
  await channel.send({ type: 'building', model: 'scripted@1', build });
  await sleep(1e9);
}
let asked = 0;
channel.onOrder(async (id, order) => {
  if (order.kind === 'trigger') await onePart(asked++, everyMs, id);
  else if (order.kind === 'calibrate') process.exit(5);
  else if (order.kind === 'threshold' && 'score' in order.threshold) {
    const { score } = order.threshold;
    await channel.send({ type: 'done', id, outcome: { ok: true, result: { kind: 'threshold', score } } });
  } else if (order.kind === 'camera') {
    const outcome = { ok: false, code: 'constructor', message: 'it has none' } as const;
    await channel.send({ type: 'done', id, outcome });
  }
});
const skipped = script === 'build' ? [{ provider: 'cuda', reason: 'no driver', fix: 'install it' }] : [];
let inUse = {
  folder: 'store/scripted/1',
  model: 'scripted@1',
  provider: 'cpu',
  precision: 'fp32',
  skipped,
  threshold: 1,
};
channel.onSwitch((folder) => {
  if (folder.endsWith('broken')) {
    void channel.send({
      type: 'refused',
      folder,
      code: 'SG_MODEL_GOLDEN_MISMATCH',
      reason: 'it computes something else',
    });
  } else {
    inUse = { ...inUse, folder, model: basename(folder) };
    void channel.send({ type: 'switched', ...inUse });
  }
});
await channel.send({ type: 'ready', ...inUse, passedOver: [], epoch });
await channel.send({ type: 'camera', state: 'running', reason: null, at: now() });
if (script === 'crash') {
  console.error('Error: out of luck');
  process.exit(3);
}
if (script === 'accept and hang') {
  for (let sequence = 0; sequence < parts; sequence++) {
    await channel.send({ type: 'accepted', part: { station, epoch, sequence }, captured: now(), trigger: null });
  }
}
if (script === 'block') {
  await channel.send({ type: 'accepted', part: { station, epoch, sequence: 0 }, captured: now(), trigger: null });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

for (let round = 0; script === 'deaf' || !channel.stopping; round++) {
  if (script === 'fake progress') await progress(1);
  else if (script === 'long part') await longPart(round);
  else if (script === 'self-test') await progress(round + 1, 1);
  else if (script === 'accept and hang' || script === 'obey') await progress(round + 1);
  else await onePart(round, script === 'slow' ? 150 : 0);
  if (script === 'nonsense') {
    await channel.send({ type: 'inspection', inspection: null } as unknown as StationMessage);
    await channel.send({
      type: 'accepted',
      part: { station: 'another', epoch, sequence: round },
      captured: now(),
      trigger: null,
    });
    await channel.send({
      type: 'inspection',
      inspection: inspection({ station, epoch, sequence: -1 }, now()),
      attachments: [],
    });
  }
  if (script === 'die after an answer' && round === 2) process.kill(process.pid, 'SIGKILL');
  await sleep(everyMs);
}
process.exit(0);
