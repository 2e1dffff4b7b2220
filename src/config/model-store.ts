import { z } from 'zod';
import { readableFile } from './checks.js';
import { type Fault, type Path, valueAt } from './faults.js';
import { text, whole } from './fields.js';
import { DownloadSchema, downloadFaults } from './model-download.js';
import { modelPlans } from './model-plans.js';

/** The store of installed models, and `store:<id>`, which names a model in it. */

const IN_STORE = /^store:(.*)$/s;
/** As in a manifest. */
const ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

export const ModelsSchema = z
  .strictObject({
    keys: text(
      'The key set that signs bundles (`sideglance model keys`), relative to this file. Absent: nothing can be installed.',
    ).exactOptional(),
    store: text(
      'The folder that bundles are installed in. Absent: `models` in the state directory of the service, else `var/models` beside this file.',
    ).exactOptional(),
    keep: whole(
      0,
      100,
      'How many bundles of each model are kept beside the one in use and the one that a rollback leads to.',
    ).default(2),
    maxBundleMb: whole(1, 16_384, 'Most megabytes of a bundle.').default(1024),
    maxJudgeMs: whole(
      1,
      600_000,
      'Most milliseconds that a model may take for a part before it is made active. Absent: `deadlineMs` of the station.',
    ).exactOptional(),
    maxMemoryMb: whole(
      64,
      1_048_576,
      'Most megabytes of memory that the process may take in which a model is proven before it is made active; about 150 are its own.',
    ).default(4096),
    probationMinutes: whole(
      0,
      20_160,
      'For so long a model that was just made active has to go well, counted while a station runs it; otherwise the one before it is active again. 0: no probation.',
    ).default(10),
    confirm: z.enum(['auto', 'required']).default('auto').meta({
      description:
        'What ends the probation of a model that goes well: `auto`, the time; `required`, `sideglance model confirm` within the time, and without it the one before is active again.',
    }),
    inbox: text(
      'A folder that is watched: a bundle that is put there, as a folder or `.tar` file, is installed and made active. Relative to this file; it need not be there yet. Absent: none.',
    ).exactOptional(),
    download: DownloadSchema.prefault({}),
    ...modelPlans,
    trustClock: z.boolean().default(false).meta({
      description:
        'Whether the clock of this computer is right although no time service says so. Otherwise nothing is installed until it is synchronised, for bundles expire.',
    }),
  })
  .meta({ description: 'Signed model bundles that are installed on this device, see docs/models.md.' });

/** @param model as written in the configuration @returns its id in the store, null for a folder */
export function idInStore(model: string): string | null {
  return IN_STORE.exec(model)?.[1] ?? null;
}

export function modelsFaults(models: unknown, file: string): Fault[] {
  return [
    ...readableFile(valueAt(models, ['keys']), ['models', 'keys'], file),
    ...downloadFaults(valueAt(models, ['download']), file),
  ];
}

/** What is installed is not the configuration's matter: a station may wait for its first model. */
export function idFaults(id: string, path: Path): Fault[] {
  if (ID.test(id)) return [];
  return [{ path, message: 'must be store: and the id of a model, such as store:bracket' }];
}
