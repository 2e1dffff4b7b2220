import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { reasonOf, SideglanceError } from '../../errors.js';
import { VERSION_PATTERN } from '../version.js';

/**
 * `state.json` of one model in the store: the only truth about what is installed and in use. A folder that it does not name
 * is garbage.
 */

export const STATE_FILE = 'state.json';
const STATE_FORMAT = 'sideglance-model-state/1';
/** The slot of every station that has none of its own. */
export const ALL_STATIONS = '*';

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const version = z.string().regex(VERSION_PATTERN);

const InstalledSchema = z.object({
  version,
  /** SHA-256 of its manifest.json: what a bundle is called in this file. */
  digest,
  at: z.iso.datetime(),
  /** Names of the trusted keys. */
  signers: z.array(z.string()),
});

const SlotSchema = z.object({
  active: digest,
  /** Where a rollback leads. The active bundle itself, unless it is on probation. */
  lastGood: digest.nullable(),
  /** The active bundle has still to prove itself. */
  probation: z.boolean(),
  /** What was active before, the newest first. */
  previous: z.array(digest),
});

const PlanSchema = z.object({
  digest,
  /** The moment at which it takes over, or what is waited for: `command`, somebody who makes it active. */
  when: z.union([z.enum(['now', 'idle', 'command']), z.iso.datetime()]),
  /**
   * So many parts, or minutes, whichever comes first, are judged by it as well before; 0: not ended by that. Null: by none, or
   * that is over.
   */
  shadow: z.object({ parts: z.int().nonnegative(), minutes: z.int().nonnegative() }).nullable(),
  since: z.iso.datetime(),
});

const BarredSchema = z.object({ version, digest, reason: z.string(), at: z.iso.datetime() });

const StateSchema = z.object({
  format: z.literal(STATE_FORMAT),
  id: z.string(),
  /** Nothing older is installed, and no other bundle of this version. Never goes back. */
  lowest: z.object({ version, digest }).nullable(),
  /** The latest moment at which something was installed: a clock that shows less is wrong. */
  latest: z.iso.datetime().nullable(),
  installed: z.array(InstalledSchema),
  /** By station. */
  slots: z.record(z.string(), SlotSchema),
  /** What is to take over, by slot; states of before there were plans have none. */
  plans: z.record(z.string(), PlanSchema).default({}),
  barred: z.array(BarredSchema),
});

export type Installed = Readonly<z.infer<typeof InstalledSchema>>;
export type Slot = Readonly<z.infer<typeof SlotSchema>>;
export type Plan = Readonly<z.infer<typeof PlanSchema>>;
export type Barred = Readonly<z.infer<typeof BarredSchema>>;
export type ModelState = Readonly<z.infer<typeof StateSchema>>;

export function emptyState(id: string): ModelState {
  return { format: STATE_FORMAT, id, lowest: null, latest: null, installed: [], slots: {}, plans: {}, barred: [] };
}

/** @param folder of the model in the store @returns null where nothing was ever installed @throws SideglanceError `SG_STORE_DAMAGED` */
export async function readState(folder: string): Promise<ModelState | null> {
  const file = join(folder, STATE_FILE);
  try {
    return StateSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '')) return null;
    throw new SideglanceError(
      'SG_STORE_DAMAGED',
      `${file} cannot be read: ${reasonOf(cause)}. Restore it from a backup, or take the folder away and install the model again`,
      { cause },
    );
  }
}

export function stateText(state: ModelState): string {
  return `${JSON.stringify(StateSchema.parse(state), null, 2)}\n`;
}

/** `<id>@<version>` of an installed bundle, by its folder alone; the name of the folder for a bundle that lies elsewhere. */
export function nameByFolder(folder: string): string {
  const [, number] = /^(\d+\.\d+\.\d+.*)_[0-9a-f]{16}$/.exec(basename(folder)) ?? [];
  return number === undefined ? basename(folder) : `${basename(dirname(folder))}@${number}`;
}

/** The folder of an installed bundle, inside that of its model. */
export function bundleFolder({ version: number, digest: sha256 }: Pick<Installed, 'version' | 'digest'>): string {
  return `${number}_${sha256.slice(0, 16)}`;
}
