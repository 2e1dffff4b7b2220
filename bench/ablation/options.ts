import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { CommandLine, categoriesIn, LARGEST_SEED } from '../support/arguments.js';

const COMMAND_LINE = new CommandLine(
  'usage: ablation FOLDER [--categories a,b] [--minutes 5 | --steps N] [--size 256] [--seed 1] [--out PATH]',
);

export interface AblationOptions {
  /** Holds the categories. */
  readonly folder: string;
  readonly categories: readonly string[];
  readonly minutes: number;
  /** Instead of the minutes. */
  readonly steps?: number;
  readonly size: number;
  readonly seed: number;
  /** The results are written to `<out>.json` and `<out>.md`, those of each category to `<out>/cells`. */
  readonly out: string;
}

/**
 * Reads the command line; categories are the folders in FOLDER that have a folder `test`, where none are named.
 * @throws SideglanceError `SG_USAGE` with one message; `SG_DATASET_INVALID` where FOLDER cannot be read
 */
export async function readOptions(args: readonly string[]): Promise<AblationOptions> {
  const { values, positionals } = COMMAND_LINE.parse(args, {
    categories: { type: 'string' },
    minutes: { type: 'string', default: '5' },
    steps: { type: 'string' },
    size: { type: 'string', default: '256' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'ablation') },
  });
  const [folder, ...more] = positionals;
  if (folder === undefined || more.length > 0) throw COMMAND_LINE.wrong('one FOLDER with categories must be given');
  const found = await categoriesIn(folder);
  return {
    folder,
    categories: values.categories === undefined ? found : COMMAND_LINE.names('--categories', values.categories, found),
    minutes: COMMAND_LINE.minutes(values.minutes),
    ...(values.steps !== undefined && { steps: COMMAND_LINE.whole('--steps', values.steps, 1, 1_000_000) }),
    size: COMMAND_LINE.whole('--size', values.size, 64, 1024),
    seed: COMMAND_LINE.whole('--seed', values.seed, 0, LARGEST_SEED),
    out: values.out,
  };
}
