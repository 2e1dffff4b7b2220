import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MeasuredDaemon } from '../../src/benchmark/measured-daemon.js';
import { activated } from '../../src/model/store/transitions.js';
import type { InspectionMessage } from '../../src/publish/messages.js';
import { childrenOf, rssOf } from '../support/daemon.js';
import { quantileOf } from '../support/statistics.js';
import { ID, meanSkipped, type PartCounts, partCounts, storedLine, totalMs } from './stored-line.js';

/** 99 of 100 parts can be told of some hundreds of them, and not of fewer. */
const LIMITS = { switchWithinMs: 60_000, lookEveryMs: 20, secondsBefore: 30 } as const;

export interface Switching extends PartCounts {
  readonly updates: number;
  /** Parts that an older model judged after a newer one had. */
  readonly outOfOrder: number;
  /** Frames of the line that nobody looked at since a newer one had come, for each part: before, and during switches. */
  readonly skippedPerPart: { readonly before: number; readonly during: number };
  /** From capture to verdict, 99 of 100 parts; before, and from each installation until the new model judged. */
  readonly p99Ms: { readonly before: number; readonly during: number };
  /** From the start of the installation to the first verdict of the new model, the middle and the longest. */
  readonly switchMs: { readonly median: number; readonly longest: number };
  readonly rssMb: OverUpdates;
  readonly openFiles: OverUpdates;
  readonly storeMb: OverUpdates;
}

/** After the first tenth of the updates, after half of them, and at the end. */
interface OverUpdates {
  readonly early: number;
  readonly half: number;
  readonly late: number;
}

/** Updates a daemon while a simulated line gives it parts, and looks at every verdict. */
export async function measureSwitching(updates: number, partsPerSecond: number): Promise<Switching> {
  const home = await mkdtemp(join(tmpdir(), 'sideglance-switching-'));
  try {
    return await measure(home, updates, partsPerSecond);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function measure(home: string, updates: number, partsPerSecond: number): Promise<Switching> {
  const { config, store, install } = await storedLine(home, partsPerSecond);
  const update = async (version: string) => {
    const digest = await install(version);
    await store.change(ID, (state) => activated(state, digest));
  };
  await update('1.0.0');

  const seen: InspectionMessage[] = [];
  const daemon = await MeasuredDaemon.start(config, { onInspection: (message) => void seen.push(message) });
  try {
    const until = async (holds: () => boolean, what: string) => {
      const end = Date.now() + LIMITS.switchWithinMs;
      while (!holds()) {
        if (Date.now() > end) throw new Error(`waited in vain for ${what}: ${daemon.lastErrors}`);
        await new Promise((done) => setTimeout(done, LIMITS.lookEveryMs));
      }
    };
    const usage = async () => {
      const pids = [daemon.pid, ...childrenOf(daemon.pid)];
      const open = await Promise.all(pids.map(async (pid) => (await readdir(`/proc/${pid}/fd`)).length));
      return {
        rssMb: Math.round(pids.reduce((sum, pid) => sum + (rssOf(pid) ?? 0), 0) / 2 ** 20),
        openFiles: open.reduce((sum, count) => sum + count, 0),
        storeMb: Math.round((await bytesIn(config.models.store)) / 2 ** 20),
      };
    };
    await until(() => seen.length >= LIMITS.secondsBefore * partsPerSecond, 'the parts before');
    const before = seen.slice(partsPerSecond);
    const during: InspectionMessage[] = [];
    const switchMs: number[] = [];
    let early = await usage();
    let half = early;
    for (let i = 1; i <= updates; i++) {
      const from = seen.length;
      const begun = performance.now();
      await update(`1.${i}.0`);
      await until(() => seen.at(-1)?.model === `${ID}@1.${i}.0`, `version 1.${i}.0`);
      switchMs.push(performance.now() - begun);
      during.push(...seen.slice(from));
      if (i === Math.ceil(updates / 10)) early = await usage();
      if (i === Math.ceil(updates / 2)) half = await usage();
    }
    const late = await usage();
    const over = (what: keyof typeof late) => ({ early: early[what], half: half[what], late: late[what] });
    return {
      updates,
      ...partCounts(seen),
      outOfOrder: outOfOrder(seen),
      p99Ms: { before: quantileOf(before.map(totalMs), 0.99), during: quantileOf(during.map(totalMs), 0.99) },
      skippedPerPart: { before: meanSkipped(before), during: meanSkipped(during) },
      switchMs: { median: quantileOf(switchMs, 0.5), longest: Math.max(...switchMs) },
      rssMb: over('rssMb'),
      openFiles: over('openFiles'),
      storeMb: over('storeMb'),
    };
  } finally {
    await daemon.stop();
  }
}

/** Parts that an older model judged after a newer one had. */
function outOfOrder(seen: readonly InspectionMessage[]): number {
  const versions = seen.map(({ model }) => Number(model?.split('.')[1]));
  return versions.filter((version, i) => version < (versions[i - 1] ?? 0)).length;
}

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true });
  const sizes = await Promise.all(names.map(async (name) => (await lstat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
