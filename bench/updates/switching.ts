import { cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MeasuredDaemon } from '../../src/benchmark/measured-daemon.js';
import { loadConfig } from '../../src/config/load.js';
import { openSource } from '../../src/model/bundle/source.js';
import { MANIFEST_FILE } from '../../src/model/manifest.js';
import { keySetFile } from '../../src/model/signing/key-set.js';
import { storeFromConfig } from '../../src/model/store/from-config.js';
import { activated } from '../../src/model/store/transitions.js';
import type { InspectionMessage } from '../../src/publish/messages.js';
import { childrenOf, rssOf } from '../support/daemon.js';
import { writeOwnBundle } from '../support/own-bundle.js';
import { quantileOf } from '../support/statistics.js';
import { makeSigners, signaturesOf } from './small-bundle.js';

const LIMITS = { switchWithinMs: 60_000, lookEveryMs: 20 } as const;
const SIZE = { width: 256, height: 256 } as const;
const ID = `own-${SIZE.width}x${SIZE.height}`;

export interface Switching {
  readonly updates: number;
  readonly parts: number;
  /** Numbers that are left out in the sequence of the parts. */
  readonly missed: number;
  /** Parts with two verdicts. */
  readonly twice: number;
  /** Parts that an older model judged after a newer one had. */
  readonly outOfOrder: number;
  readonly invalid: number;
  /** Frames of the line that nobody looked at since a newer one had come, for each part: before, and during switches. */
  readonly skippedPerPart: { readonly before: number; readonly during: number };
  /** From capture to verdict, 99 of 100 parts; before, and from each installation until the new model judged. */
  readonly p99Ms: { readonly before: number; readonly during: number };
  /** From the start of the installation to the first verdict of the new model, the middle and the longest. */
  readonly switchMs: { readonly median: number; readonly longest: number };
  /** After the first tenth of the updates, and at the end. */
  readonly rssMb: { readonly early: number; readonly late: number };
  readonly openFiles: { readonly early: number; readonly late: number };
  readonly storeMb: { readonly early: number; readonly late: number };
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
  const { keySet, trusted } = makeSigners(1);
  await writeFile(join(home, 'keys.json'), keySetFile(keySet));
  const file = join(home, 'config.yaml');
  const written = {
    device: { site: 'bench', line: 'line', name: 'device' },
    stations: [
      { name: 'top', camera: { type: 'simulated', partsPerSecond }, model: `store:${ID}`, deadlineMs: 60_000 },
    ],
    models: { keys: 'keys.json', store: 'store', keep: 2 },
  };
  // JSON is YAML.
  await writeFile(file, JSON.stringify(written));
  const config = loadConfig(file);
  const store = storeFromConfig(config.models);
  const original = join(home, 'original');
  await writeOwnBundle(original, SIZE);
  const update = async (version: string) => {
    const bundle = join(home, 'next');
    await cp(original, bundle, { recursive: true });
    const manifest = JSON.parse(await readFile(join(bundle, MANIFEST_FILE), 'utf8')) as object;
    const bytes = Buffer.from(JSON.stringify({ ...manifest, version }));
    await writeFile(join(bundle, MANIFEST_FILE), bytes);
    for (const [name, text] of signaturesOf(MANIFEST_FILE, bytes, trusted.slice(0, 1))) {
      await writeFile(join(bundle, name), text);
    }
    const target = { device: config.device, stationsOf: () => [], misfit: () => null };
    const { digest } = await store.install(await openSource(bundle), { target, nowMs: Date.now() });
    await rm(bundle, { recursive: true });
    await store.change(ID, (state) => activated(state, digest));
  };
  await mkdir(config.models.store, { recursive: true });
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
    await until(() => seen.length >= 5 * partsPerSecond, 'the parts before');
    const before = seen.slice(partsPerSecond);
    const during: InspectionMessage[] = [];
    const switchMs: number[] = [];
    let early = await usage();
    for (let i = 1; i <= updates; i++) {
      const from = seen.length;
      const begun = performance.now();
      await update(`1.${i}.0`);
      await until(() => seen.at(-1)?.model === `${ID}@1.${i}.0`, `version 1.${i}.0`);
      switchMs.push(performance.now() - begun);
      during.push(...seen.slice(from));
      if (i === Math.ceil(updates / 10)) early = await usage();
    }
    const late = await usage();
    return {
      updates,
      ...counted(seen),
      p99Ms: { before: quantileOf(before.map(totalMs), 0.99), during: quantileOf(during.map(totalMs), 0.99) },
      skippedPerPart: { before: meanSkipped(before), during: meanSkipped(during) },
      switchMs: { median: quantileOf(switchMs, 0.5), longest: Math.max(...switchMs) },
      rssMb: { early: early.rssMb, late: late.rssMb },
      openFiles: { early: early.openFiles, late: late.openFiles },
      storeMb: { early: early.storeMb, late: late.storeMb },
    };
  } finally {
    await daemon.stop();
  }
}

function counted(seen: readonly InspectionMessage[]) {
  const numbers = seen.map(({ part }) => part.sequence);
  const distinct = new Set(seen.map(({ part }) => `${part.epoch} ${part.sequence}`)).size;
  const versions = seen.map(({ model }) => Number(model?.split('.')[1]));
  return {
    parts: seen.length,
    missed: Math.max(...numbers) - Math.min(...numbers) + 1 - distinct,
    twice: seen.length - distinct,
    outOfOrder: versions.filter((version, i) => version < (versions[i - 1] ?? 0)).length,
    invalid: seen.filter(({ verdict }) => verdict === 'invalid').length,
  };
}

function meanSkipped(parts: readonly InspectionMessage[]): number {
  return parts.reduce((sum, { skippedFrames }) => sum + skippedFrames, 0) / parts.length;
}

function totalMs({ timings }: InspectionMessage): number {
  return timings.total;
}

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true });
  const sizes = await Promise.all(names.map(async (name) => (await lstat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
