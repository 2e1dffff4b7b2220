import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { CommandName, CommandsConfig } from '../config/commands.js';
import type { StationConfig } from '../config/schema.js';
import { reasonOf, SideglanceError } from '../errors.js';
import type { ThresholdChoice } from '../types.js';

/** Settings that commands have changed, and what the configuration said when they did. */

const choice = z.union([z.strictObject({ falseRejectRate: z.number() }), z.strictObject({ score: z.number() })]);
const changed = <Value extends z.ZodType>(value: Value) => z.strictObject({ value, insteadOf: value.nullable() });

const StationSchema = z.strictObject({
  paused: z.literal(true).exactOptional(),
  threshold: changed(choice).exactOptional(),
  exposureMicroseconds: changed(z.number()).exactOptional(),
  gainDb: changed(z.number()).exactOptional(),
});
const FileSchema = z.strictObject({
  format: z.literal('sideglance-overrides/1'),
  stations: z.record(z.string(), StationSchema),
});

export type StationOverrides = z.infer<typeof StationSchema>;
export type Setting = keyof StationOverrides;

/** Any of these commands, where it is allowed, keeps a setting in force. */
const CHANGED_BY: Readonly<Record<Setting, readonly ('pause' | 'threshold' | 'calibrate' | 'camera')[]>> = {
  paused: ['pause'],
  threshold: ['threshold', 'calibrate'],
  exposureMicroseconds: ['camera'],
  gainDb: ['camera'],
};

export interface DroppedOverride {
  readonly station: string;
  readonly setting: Setting;
  readonly reason: 'the configuration was changed' | 'the command is no longer allowed' | 'there is no such station';
}

/** Whether a command is allowed, for a station where it is one to a station. */
export function isAllowed(config: CommandsConfig, name: CommandName, station: string | null): boolean {
  const allowed = config.allow[name];
  return typeof allowed === 'string' ? allowed === 'always' : station !== null && allowed.includes(station);
}

/**
 * The file `overrides.json`. The configuration wins: a change holds as long as the configuration says what it said when
 * the change was made, and as long as a command that makes such changes is allowed.
 */
export class Overrides {
  readonly dropped: readonly DroppedOverride[];
  /** What was wrong with the file, which was set aside then; null when all is well. */
  readonly fault: string | null;
  readonly #path: string;
  #stations: Readonly<Record<string, StationOverrides>>;

  private constructor(
    path: string,
    read: ReturnType<typeof readFile>,
    config: CommandsConfig,
    stations: readonly StationConfig[],
  ) {
    this.#path = path;
    this.fault = read.fault;
    const kept: Record<string, StationOverrides> = {};
    const dropped: DroppedOverride[] = [];
    for (const [name, overrides] of Object.entries(read.stations)) {
      const station = stations.find((one) => one.name === name);
      const settings = Object.keys(overrides) as Setting[];
      const held = settings.filter((setting) => {
        const reason = whyNot(setting, overrides, station, config);
        if (reason !== null) dropped.push({ station: name, setting, reason });
        return reason === null;
      });
      if (held.length > 0) kept[name] = only(overrides, held);
    }
    this.#stations = kept;
    this.dropped = dropped;
  }

  /** Never throws: what cannot be read does not hold. Dropped ones stay in the file until the next change is written. */
  static open(config: CommandsConfig, stations: readonly StationConfig[]): Overrides {
    const path = join(config.folder, 'overrides.json');
    return new Overrides(path, readFile(path), config, stations);
  }

  of(station: string): StationOverrides {
    return this.#stations[station] ?? {};
  }

  /**
   * Replaces what holds for a station, safely on the disk before this returns.
   * @throws SideglanceError SG_STORAGE; nothing is changed then
   */
  set(station: string, overrides: StationOverrides): void {
    const { [station]: _, ...others } = this.#stations;
    const stations = Object.keys(overrides).length === 0 ? others : { ...others, [station]: overrides };
    try {
      writeSafely(this.#path, `${JSON.stringify({ format: 'sideglance-overrides/1', stations }, null, 2)}\n`);
    } catch (cause) {
      throw new SideglanceError(
        'SG_STORAGE',
        `${this.#path} cannot be written (${reasonOf(cause)}), so nothing was changed: mend the disk, or set commands.folder`,
        { cause },
      );
    }
    this.#stations = stations;
  }
}

/** A station's configuration with what commands have changed. */
export function withOverrides(station: StationConfig, overrides: StationOverrides): StationConfig {
  const { threshold, exposureMicroseconds, gainDb } = overrides;
  const { camera } = station;
  const changedCamera =
    camera.type !== 'gige'
      ? camera
      : {
          ...camera,
          ...(exposureMicroseconds && { exposureMicroseconds: exposureMicroseconds.value }),
          ...(gainDb && { gainDb: gainDb.value }),
        };
  return { ...station, camera: changedCamera, threshold: threshold?.value ?? station.threshold };
}

/** What the configuration says where a command may change it; null where it says nothing. */
export function configured(station: StationConfig): {
  readonly threshold: ThresholdChoice;
  readonly exposureMicroseconds: number | null;
  readonly gainDb: number | null;
} {
  const { threshold, camera } = station;
  const [exposureMicroseconds, gainDb] =
    camera.type === 'gige' ? [camera.exposureMicroseconds ?? null, camera.gainDb ?? null] : [null, null];
  return { threshold, exposureMicroseconds, gainDb };
}

function whyNot(
  setting: Setting,
  overrides: StationOverrides,
  station: StationConfig | undefined,
  config: CommandsConfig,
): DroppedOverride['reason'] | null {
  if (station === undefined) return 'there is no such station';
  if (!CHANGED_BY[setting].some((name) => isAllowed(config, name, station.name))) {
    return 'the command is no longer allowed';
  }
  if (setting === 'paused') return null;
  const insteadOf = overrides[setting]?.insteadOf ?? null;
  const says = configured(station)[setting];
  return JSON.stringify(insteadOf) === JSON.stringify(says) ? null : 'the configuration was changed';
}

function only(overrides: StationOverrides, settings: readonly Setting[]): StationOverrides {
  return Object.fromEntries(settings.map((setting) => [setting, overrides[setting]])) as StationOverrides;
}

function readFile(path: string): {
  readonly stations: Record<string, StationOverrides>;
  readonly fault: string | null;
} {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return { stations: {}, fault: null };
    return { stations: {}, fault: `${path} cannot be read (${reasonOf(thrown)}); the configuration holds` };
  }
  try {
    return { stations: FileSchema.parse(JSON.parse(text)).stations, fault: null };
  } catch {
    const aside = `${path}.damaged`;
    try {
      renameSync(path, aside);
    } catch {
      // It is read again at the next start, and found out again.
    }
    return { stations: {}, fault: `${path} was damaged and is ${aside} now; the configuration holds` };
  }
}

/** At any moment the file is what it was before, or all of the new text, also after a power cut. */
function writeSafely(path: string, text: string): void {
  const folder = dirname(path);
  const staged = `${path}.partial`;
  mkdirSync(folder, { recursive: true, mode: 0o750 });
  try {
    const file = openSync(staged, 'w', 0o640);
    try {
      const bytes = Buffer.from(text);
      if (writeSync(file, bytes) < bytes.byteLength) throw new Error('the disk is full');
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(staged, path);
  } catch (thrown) {
    rmSync(staged, { force: true });
    throw thrown;
  }
  const directory = openSync(folder, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
