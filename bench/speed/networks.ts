import type { SessionOptions } from '../../src/infer/ort/session.js';
import { REGION } from '../peers/layers.js';
import { PEERS } from '../peers/peers.js';
import { convolutionPeak } from '../support/convolution-peak.js';
import { profileNodes } from '../support/node-profile.js';
import { countOperations } from '../support/operations.js';
import { ownModel } from '../support/own-model.js';
import { type Spread, spreadOf } from '../support/statistics.js';
import { type Timed, timed } from '../support/timing.js';

/** What a network does in one run: multiplications and additions with weights other than zero, and bytes read and written. */
export interface Cost {
  readonly gflop: number;
  readonly megabytes: number;
}

export interface NetworkTimes extends Cost {
  readonly name: string;
  readonly ms: Spread;
  /** Its time divided by that of sideglance in the same round; 1 for sideglance itself. */
  readonly ratio: Spread;
  /** Operations a second as a share of those of one large convolution in the same round. */
  readonly shareOfPeak: Spread;
}

export interface NetworkReport {
  readonly threads: number;
  readonly rounds: number;
  /** Of the large convolution, in 10⁹ operations a second. */
  readonly peakGflops: Spread;
  /** Sideglance first. */
  readonly networks: readonly NetworkTimes[];
}

export const OURS = 'sideglance';

/** Threads that sleep wherever they wait for the next operator, instead of spinning for a moment first (`infer/ort/spinning.ts`). */
const SLEEPING = { 'session.intra_op.allow_spinning': '0' };

/** A network is run so often in a round that it is measured for at least as long; once at least. */
const MEASURED_MS = 60;

interface Entry extends Cost {
  readonly name: string;
  readonly timed: Timed;
  readonly times: number;
  readonly ms: number[];
  /** Of sideglance and of the large convolution, right before each measurement. */
  readonly oursMs: number[];
  readonly peakMs: number[];
}

/**
 * Times sideglance, its peers and one large convolution on the same regions, runtime and threads, in rounds: each network of a
 * round right after sideglance and the convolution, so that whatever the machine does besides bears on all alike.
 *
 * @param names of the peers; all when left out
 */
export async function compareNetworks(options: {
  readonly threads: number;
  readonly rounds: number;
  readonly names?: readonly string[];
  readonly onProgress?: (text: string) => void;
}): Promise<NetworkReport> {
  const { threads, rounds, names, onProgress = () => undefined } = options;
  const peak = convolutionPeak();
  const peakTimed = await timed(peak.model, { threads });
  const entries: Entry[] = [];
  try {
    entries.push(await prepare(OURS, ownModel(REGION, REGION), { threads }));
    if (threads > 1) {
      entries.push(await prepare(`${OURS}, threads sleep`, ownModel(REGION, REGION), { threads, config: SLEEPING }));
    }
    for (const { name, model } of PEERS) {
      if (names && !names.includes(name)) continue;
      onProgress(`loading ${name}`);
      entries.push(await prepare(name, model(), { threads }));
    }
    const ours = entries[0] as Entry;
    for (let round = 0; round < rounds; round++) {
      onProgress(`networks, round ${round + 1} of ${rounds}`);
      for (const entry of entries) {
        entry.peakMs.push(await peakTimed.run(1));
        const oursMs = await ours.timed.run(ours.times);
        entry.oursMs.push(oursMs);
        entry.ms.push(entry === ours ? oursMs : await entry.timed.run(entry.times));
      }
    }
  } finally {
    await peakTimed.close();
    for (const entry of entries) await entry.timed.close();
  }
  // Sideglance and the convolution were measured with each of the others, too.
  const [oursMs, peakMs] = [entries.flatMap((entry) => entry.oursMs), entries.flatMap((entry) => entry.peakMs)];
  const measured = entries.map((entry, index) => (index === 0 ? { ...entry, ms: oursMs, oursMs, peakMs } : entry));
  return {
    threads,
    rounds,
    peakGflops: spreadOf(peakMs.map((ms) => peak.operations / ms / 1e6)),
    networks: measured.map(({ name, gflop, megabytes, ms, oursMs: ours, peakMs: before }) => ({
      name,
      gflop,
      megabytes,
      ms: spreadOf(ms),
      ratio: spreadOf(ms.map((one, i) => one / ours[i]!)),
      shareOfPeak: spreadOf(ms.map((one, i) => ((gflop * 1e9) / one) * (before[i]! / peak.operations))),
    })),
  };
}

async function prepare(
  name: string,
  model: Uint8Array,
  options: Pick<SessionOptions, 'threads' | 'config'>,
): Promise<Entry> {
  const { operations } = await countOperations(model);
  const { nodes } = await profileNodes(model);
  const loaded = await timed(model, options);
  const once = await loaded.run(1);
  return {
    name,
    gflop: operations / 1e9,
    megabytes: nodes.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6,
    timed: loaded,
    times: Math.max(1, Math.round(MEASURED_MS / once)),
    ms: [],
    oursMs: [],
    peakMs: [],
  };
}
