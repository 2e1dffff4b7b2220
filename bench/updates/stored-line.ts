import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.js';
import type { Config } from '../../src/config/schema.js';
import { openSource } from '../../src/model/bundle/source.js';
import { MANIFEST_FILE } from '../../src/model/manifest.js';
import { keySetFile } from '../../src/model/signing/key-set.js';
import { storeFromConfig } from '../../src/model/store/from-config.js';
import type { ModelStore } from '../../src/model/store/store.js';
import type { InspectionMessage } from '../../src/publish/messages.js';
import { writeOwnBundle } from '../support/own-bundle.js';
import { recordedLine } from './fed-line.js';
import { makeSigners, signaturesOf } from './small-bundle.js';

const SIZE = { width: 256, height: 256 } as const;
export const ID = `own-${SIZE.width}x${SIZE.height}`;

/** A line, and the store of the model that its one station runs. */
export interface StoredLine {
  readonly config: Config;
  readonly store: ModelStore;
  /** Installs the same model as another version. @returns its digest */
  install(version: string): Promise<string>;
}

/** @param home an empty folder */
export async function storedLine(home: string, partsPerSecond: number): Promise<StoredLine> {
  const { keySet, trusted } = makeSigners(1);
  await writeFile(join(home, 'keys.json'), keySetFile(keySet));
  const file = join(home, 'config.yaml');
  const written = {
    device: { site: 'bench', line: 'line', name: 'device' },
    stations: [
      {
        name: 'top',
        camera: await recordedLine(join(home, 'line'), partsPerSecond),
        model: `store:${ID}`,
        deadlineMs: 60_000,
      },
    ],
    models: { keys: 'keys.json', store: 'store', keep: 2 },
    // Of two cores, one is for whatever else there is to do.
    infer: { threads: 1 },
  };
  // JSON is YAML.
  await writeFile(file, JSON.stringify(written));
  const config = loadConfig(file);
  const store = storeFromConfig(config.models);
  const bundle = join(home, 'bundle');
  await writeOwnBundle(bundle, SIZE);
  const manifest = JSON.parse(await readFile(join(bundle, MANIFEST_FILE), 'utf8')) as object;
  await mkdir(config.models.store, { recursive: true });
  const install = async (version: string) => {
    const bytes = Buffer.from(JSON.stringify({ ...manifest, version }));
    await writeFile(join(bundle, MANIFEST_FILE), bytes);
    for (const [name, text] of signaturesOf(MANIFEST_FILE, bytes, trusted.slice(0, 1))) {
      await writeFile(join(bundle, name), text);
    }
    const target = { device: config.device, stationsOf: () => [], misfit: () => null };
    const { digest } = await store.install(await openSource(bundle), { target, nowMs: Date.now() });
    return digest;
  };
  return { config, store, install };
}

/** What became of the parts, by their verdicts. */
export interface PartCounts {
  readonly parts: number;
  /** Numbers that are left out in the sequence of the parts. */
  readonly missed: number;
  /** Parts with two verdicts. */
  readonly twice: number;
  readonly invalid: number;
}

export function partCounts(seen: readonly InspectionMessage[]): PartCounts {
  const numbers = seen.map(({ part }) => part.sequence);
  const distinct = new Set(seen.map(({ part }) => `${part.epoch} ${part.sequence}`)).size;
  return {
    parts: seen.length,
    missed: Math.max(...numbers) - Math.min(...numbers) + 1 - distinct,
    twice: seen.length - distinct,
    invalid: seen.filter(({ verdict }) => verdict === 'invalid').length,
  };
}

/** Milliseconds from capture to verdict. */
export function totalMs({ timings }: InspectionMessage): number {
  return timings.total;
}

/** Frames of the line that nobody looked at since a newer one had come, for each part. */
export function meanSkipped(parts: readonly InspectionMessage[]): number {
  return parts.reduce((sum, { skippedFrames }) => sum + skippedFrames, 0) / parts.length;
}
