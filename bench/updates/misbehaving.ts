import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MeasuredDaemon } from '../../src/benchmark/measured-daemon.js';
import { loadConfig } from '../../src/config/load.js';
import { SideglanceError } from '../../src/errors.js';
import { writePng } from '../../src/image/save.js';
import { Inspector } from '../../src/infer/inspector.js';
import { openSource } from '../../src/model/bundle/source.js';
import { MANIFEST_FILE } from '../../src/model/manifest.js';
import { keySetFile } from '../../src/model/signing/key-set.js';
import { readSmallFile } from '../../src/model/small-file.js';
import { ALL_STATIONS } from '../../src/model/store/state.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import type { InspectionMessage } from '../../src/publish/messages.js';
import type { Picture } from '../../src/types.js';
import { AcceptanceSet } from '../../src/updates/acceptance-set.js';
import { deviceModels } from '../../src/updates/device-models.js';
import { installBundle } from '../../src/updates/install.js';
import {
  brightnessOf,
  failingAbove,
  goldenOf,
  permuted,
  type Spoil,
  slowed,
  unspoilt,
  writeSpoilt,
} from './bad-models.js';
import { FedLine, FRAME_SIDE, linePart } from './fed-line.js';
import { makeSigners, signaturesOf } from './small-bundle.js';

/** Where a good model comes from. */
const GOOD = join(PACKAGE_ROOT, 'models', 'demo');
const ID = 'demo';
const STATION = 'top';
const LINE = {
  partsPerSecond: 10,
  /** Every so manieth part is a defect. */
  defectEvery: 25,
  /** Rendered ahead, good ones and as many defects. */
  parts: 60,
  good: 12,
  defects: 6,
} as const;
const LIMITS = {
  /** In which a bad model has to be out of the way, issue 6. */
  settleMs: 60_000,
  lookEveryMs: 50,
  /** Of the good model's time for a part. */
  judgeTimes: 10,
  waveParts: 150,
} as const;

export interface Misbehaviour {
  readonly what: string;
  /** `accepted` is wrong for a bad model. */
  readonly outcome: 'refused' | 'rolled back' | 'accepted';
  readonly code: string | null;
  readonly reason: string | null;
  /** From the start of the installation until the good model was the only one again, or, where it was refused, until then. */
  readonly seconds: number;
  /** Parts that it judged. */
  readonly parts: number;
}

export interface Misbehaving {
  readonly bad: readonly Misbehaviour[];
  /** After a good update. */
  readonly wave: { readonly parts: number; readonly rejected: number; readonly rolledBack: boolean };
  /** What was not as it should be. */
  readonly wrong: readonly string[];
}

/** Installs validly signed models that are bad, each with golden samples of its own, on a device that runs. */
export async function measureMisbehaving(): Promise<Misbehaving> {
  const home = await mkdtemp(join(tmpdir(), 'sideglance-misbehaving-'));
  try {
    return await measure(home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function measure(home: string): Promise<Misbehaving> {
  const good = Array.from({ length: LINE.parts }, (_, i) => linePart(i, false));
  const defective = Array.from({ length: LINE.parts }, (_, i) => linePart(i, true));
  const { accepted, judgeMs } = await choose(good, defective);
  const brightest = Math.max(...[...accepted.pass, ...accepted.fail, ...(await goldenOf(GOOD))].map(brightnessOf));
  const brighter = good.filter((part) => brightnessOf(part) > brightest + 0.5);
  let at = 0;
  let isWave = false;
  const line = new FedLine(home, LINE.partsPerSecond, () => {
    const isDefective = isWave || at % LINE.defectEvery === LINE.defectEvery - 1;
    return (isDefective ? defective : good)[at++ % LINE.parts] as Picture;
  });
  const { keySet, trusted } = makeSigners(1);
  await writeFile(join(home, 'keys.json'), keySetFile(keySet));
  const file = join(home, 'config.yaml');
  const written = {
    device: { site: 'bench', line: 'line', name: 'device' },
    stations: [{ name: STATION, camera: line.camera, model: `store:${ID}`, deadlineMs: 60_000 }],
    models: { keys: 'keys.json', store: 'store', maxJudgeMs: Math.ceil(judgeMs * LIMITS.judgeTimes), trustClock: true },
  };
  // JSON is YAML.
  await writeFile(file, JSON.stringify(written));
  const config = { ...loadConfig(file), stateFolder: join(home, 'state') };
  const device = deviceModels(config);
  await keepParts(config.stateFolder, home, accepted);
  await mkdir(config.models.store, { recursive: true });
  let versions = 0;
  const install = async (spoil: Spoil) => {
    const version = `1.${versions++}.0`;
    const folder = join(home, version);
    await writeSpoilt(folder, GOOD, { version, spoil });
    const bytes = await readSmallFile(join(folder, MANIFEST_FILE), Number.POSITIVE_INFINITY);
    for (const [name, text] of signaturesOf(MANIFEST_FILE, bytes, trusted.slice(0, 1))) {
      await writeFile(join(folder, name), text);
    }
    return { version, installing: installBundle(device, await openSource(folder), { activate: {} }) };
  };
  await (await install(unspoilt)).installing;

  const seen: InspectionMessage[] = [];
  await line.start();
  const daemon = await MeasuredDaemon.start(config, { onInspection: (message) => void seen.push(message) });
  const until = async (holds: () => boolean | Promise<boolean>, withinMs = LIMITS.settleMs) => {
    const end = Date.now() + withinMs;
    while (!(await holds())) {
      if (Date.now() > end) return false;
      await new Promise((done) => setTimeout(done, LIMITS.lookEveryMs));
    }
    return true;
  };
  const judgedBy = (version: string) => seen.filter(({ model }) => model === `${ID}@${version}`).length;
  const isSettledOn = async (version: string) => {
    const state = await device.store.state(ID);
    const slot = state.slots[ALL_STATIONS];
    const active = state.installed.find(({ digest }) => digest === slot?.active)?.version;
    return active === version && seen.at(-1)?.model === `${ID}@${version}`;
  };
  const wrong: string[] = [];
  const bad: Misbehaviour[] = [];
  try {
    if (!(await until(() => judgedBy('1.0.0') > LINE.partsPerSecond * 6))) {
      throw new Error(`the line does not run: ${daemon.lastErrors}`);
    }
    const models: readonly (readonly [string, Spoil])[] = [
      ['permuted weights', permuted],
      ['50 times slower', slowed],
      [`fails on ${brighter.length} of ${good.length} good parts`, failingAbove(brightest + 0.25)],
    ];
    for (const [what, spoil] of models) {
      const begun = performance.now();
      const { version, installing } = await install(spoil);
      const refused = await installing.then(
        () => null,
        (thrown: unknown) => thrown as SideglanceError,
      );
      const isBack =
        refused !== null || (await until(async () => judgedBy(version) > 0 && (await isSettledOn('1.0.0'))));
      const seconds = (performance.now() - begun) / 1000;
      const bar = (await device.store.state(ID)).barred.find((one) => one.version === version);
      const outcome = refused !== null ? 'refused' : isBack ? 'rolled back' : 'accepted';
      const code = refused instanceof SideglanceError ? refused.code : bar === undefined ? null : 'SG_BUNDLE_PROBATION';
      const reason = refused?.message ?? bar?.reason ?? null;
      bad.push({ what, outcome, code, reason, seconds, parts: judgedBy(version) });
      if (outcome === 'accepted' || code === null) wrong.push(`${what}: ${outcome}, ${reason}`);
      if (seconds * 1000 > LIMITS.settleMs) wrong.push(`${what}: took ${seconds.toFixed(0)} s`);
    }
    const { version, installing } = await install(unspoilt);
    await installing;
    if (!(await until(() => judgedBy(version) > 0))) wrong.push('the good update was not switched to');
    isWave = true;
    const from = seen.length;
    await until(() => seen.length - from >= LIMITS.waveParts);
    const wave = seen.slice(from);
    const rejected = wave.filter(({ verdict }) => verdict === 'fail').length;
    const rolledBack = !(await isSettledOn(version));
    if (rolledBack) wrong.push('a wave of defects sent a good model back');
    if (rejected < wave.length / 2)
      wrong.push(`only ${rejected} of ${wave.length} defects were rejected: this was no wave`);
    return { bad, wave: { parts: wave.length, rejected, rolledBack }, wrong };
  } finally {
    await daemon.stop();
    await line.stop();
  }
}

interface Accepted {
  readonly pass: readonly Picture[];
  readonly fail: readonly Picture[];
}

/** Darker parts that the good model judges right, for the device to keep, and how long it takes for one. */
async function choose(good: readonly Picture[], defective: readonly Picture[]) {
  const inspector = await Inspector.load(GOOD, { threshold: { falseRejectRate: 0.005 } });
  try {
    const times: number[] = [];
    const judged = async (parts: readonly Picture[], result: 'pass' | 'fail', most: number) => {
      const found: Picture[] = [];
      for (const part of [...parts].sort((a, b) => brightnessOf(a) - brightnessOf(b))) {
        if (found.length === most) break;
        const begun = performance.now();
        const whole = { name: 'whole', x: 0, y: 0, width: FRAME_SIDE, height: FRAME_SIDE };
        const { regions } = await inspector.inspectRegions(part, [whole]);
        times.push(performance.now() - begun);
        if (regions[0]?.verdict.result === result) found.push(part);
      }
      return found;
    };
    const accepted: Accepted = {
      pass: await judged(good, 'pass', LINE.good),
      fail: await judged(defective, 'fail', LINE.defects),
    };
    return { accepted, judgeMs: times.sort((a, b) => a - b)[Math.floor(times.length / 2)] as number };
  } finally {
    await inspector.close();
  }
}

async function keepParts(stateFolder: string, home: string, accepted: Accepted): Promise<void> {
  const kept = AcceptanceSet.in(stateFolder);
  for (const label of ['pass', 'fail'] as const) {
    for (const [i, part] of accepted[label].entries()) {
      const path = join(home, `${label}-${i}.png`);
      await writePng(path, part);
      await kept.add(STATION, label, path);
    }
  }
}
