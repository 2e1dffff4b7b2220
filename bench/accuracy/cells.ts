import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const share = z.number().nullable();
export const MetricsSchema = z.object({ imageAuroc: share, pixelAuroc: share, aupro: share, aupro05: share });

export const FiguresSchema = MetricsSchema.extend({
  /** Each defect against all good images. */
  perDefect: z.record(z.string(), MetricsSchema),
  /** Reading the images included. */
  trainingSeconds: z.number(),
  /** Median, from pixels to score and map. */
  msPerImage: z.number(),
  /** What scoring needs in memory or on disk: weights, statistics, the teacher where it runs. */
  modelBytes: z.number(),
  /** Where the times were taken. */
  machine: z.object({ node: z.string(), arch: z.string(), cpu: z.string(), cores: z.number() }),
  notes: z.array(z.string()),
});

/** What was measured for one cell of the table. */
export type Figures = z.infer<typeof FiguresSchema>;

/** All that decides the figures of a cell; a text of it is hashed, so the order of keys counts. */
export interface CellKey {
  readonly method: string;
  readonly category: string;
  /** How many images the category has for training and for testing: a category that grew is another one. */
  readonly images: readonly [training: number, test: number];
  readonly seed: number;
  readonly size: number;
  /** Null where training takes as long as it takes. */
  readonly minutes: number | null;
  readonly settings: Readonly<Record<string, unknown>>;
}

/**
 * The figures of a cell: those that an earlier run left in `folder`, otherwise those that `measure` finds, which are
 * kept there. A file appears under its name only when it is complete, so a run may be interrupted at any time.
 *
 * @param schema of the figures; kept ones that do not have it are measured again
 */
export async function keptOrMeasured<T>(
  folder: string,
  key: CellKey,
  schema: z.ZodType<T>,
  measure: () => Promise<T>,
): Promise<{ figures: T; kept: boolean }> {
  const digest = createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 16);
  const file = join(folder, `${key.method}-${key.category}-${key.seed}-${digest}.json`);
  const earlier = await readFigures(file, schema);
  if (earlier) return { figures: earlier, kept: true };
  const figures = await measure();
  await mkdir(folder, { recursive: true });
  await writeFile(`${file}.part`, `${JSON.stringify({ key, figures }, null, 2)}\n`);
  await rename(`${file}.part`, file);
  return { figures, kept: false };
}

/** Null where there is no such file, or one that another version of this script wrote. */
async function readFigures<T>(file: string, schema: z.ZodType<T>): Promise<T | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw thrown;
  }
  const { success, data } = z.object({ figures: schema }).safeParse(JSON.parse(text));
  return success ? data.figures : null;
}
