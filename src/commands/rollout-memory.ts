import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { reasonOf, SideglanceError } from '../errors.js';
import { replaceFile } from '../model/sync.js';

const FILE = 'rollouts.json';
const FORMAT = 'sideglance-rollouts/1';

const KnownSchema = z.object({
  /** Of the rollout. */
  id: z.string(),
  /** When the newest message of it was written that was followed. */
  issued: z.iso.datetime({ offset: true }),
  /** What it brings, which never changes under one id. */
  content: z.string(),
  /** `begun` is also what a run has not lived to see the end of. */
  stage: z.enum(['heard', 'begun', 'brought', 'refused', 'withdrawn']),
});
const FileSchema = z.object({ format: z.literal(FORMAT), models: z.record(z.string(), KnownSchema) });

/** The last rollout of a model that this device was told of, and what became of it here. */
export type KnownRollout = Readonly<z.infer<typeof KnownSchema>>;

/** What outlives a restart: a retained message comes again and again, and is followed once. */
export class RolloutMemory {
  readonly #folder: string;
  /** Why what was remembered is lost; null when all is well. */
  readonly fault: string | null;
  #models: Readonly<Record<string, KnownRollout>>;
  #settled: Promise<void> = Promise.resolve();

  /** Never throws. */
  constructor(folder: string) {
    this.#folder = folder;
    const { models, fault } = read(join(folder, FILE));
    this.#models = models;
    this.fault = fault;
  }

  of(model: string): KnownRollout | null {
    return this.#models[model] ?? null;
  }

  /**
   * Changes are made one after the other, and are on the disk when this settles.
   * @param next null: it stays as it is
   * @throws SideglanceError SG_STORAGE; nothing is changed then
   */
  change(model: string, next: (known: KnownRollout | null) => KnownRollout | null): Promise<void> {
    const changed = this.#settled.then(() => this.#write(model, next(this.of(model))));
    this.#settled = changed.catch(() => {});
    return changed;
  }

  async #write(model: string, known: KnownRollout | null): Promise<void> {
    if (known === null || JSON.stringify(known) === JSON.stringify(this.of(model))) return;
    const models = { ...this.#models, [model]: known };
    const path = join(this.#folder, FILE);
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o750 });
      await replaceFile(path, `${JSON.stringify({ format: FORMAT, models }, null, 2)}\n`, 0o640);
    } catch (cause) {
      const text = `${path} cannot be written (${reasonOf(cause)}), so no rollout is followed: mend the disk, or set commands.folder`;
      throw new SideglanceError('SG_STORAGE', text, { cause });
    }
    this.#models = models;
  }
}

function read(path: string): {
  readonly models: Readonly<Record<string, KnownRollout>>;
  readonly fault: string | null;
} {
  try {
    return { models: FileSchema.parse(JSON.parse(readFileSync(path, 'utf8'))).models, fault: null };
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return { models: {}, fault: null };
    return { models: {}, fault: `${path} cannot be read (${reasonOf(thrown)}); rollouts may be followed once more` };
  }
}
