import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { CommandLine, categoriesIn, LARGEST_SEED } from '../support/arguments.js';

const COMMAND_LINE = new CommandLine(
  'usage: accuracy FOLDER [--methods a,b] [--once a,b] [--categories a,b] [--minutes 5] [--size 256] [--seeds 1,2] [--out PATH]',
);

export interface RunOptions {
  /** Holds the categories. */
  readonly folder: string;
  readonly methods: readonly string[];
  /** Those of them that take too long for more than the first seed. */
  readonly once: readonly string[];
  readonly categories: readonly string[];
  readonly minutes: number;
  readonly size: number;
  readonly seeds: readonly number[];
  /** The results are written to `<out>.json` and `<out>.md`, the cells to `<out>/cells`. */
  readonly out: string;
}

/** The seeds that a method is measured with. */
export function seedsOf(method: string, { once, seeds }: Pick<RunOptions, 'once' | 'seeds'>): readonly number[] {
  return once.includes(method) ? seeds.slice(0, 1) : seeds;
}

/**
 * Reads the command line; categories are the folders in FOLDER that have a folder `test`, where none are named.
 * @param known the names of the methods there are
 * @throws SideglanceError `SG_USAGE` with one message; `SG_DATASET_INVALID` where FOLDER cannot be read
 */
export async function readOptions(args: readonly string[], known: readonly string[]): Promise<RunOptions> {
  const { values, positionals } = COMMAND_LINE.parse(args, {
    methods: { type: 'string' },
    once: { type: 'string' },
    categories: { type: 'string' },
    minutes: { type: 'string', default: '5' },
    size: { type: 'string', default: '256' },
    seeds: { type: 'string', default: '1' },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'accuracy') },
  });
  const [folder, ...more] = positionals;
  if (folder === undefined || more.length > 0) throw COMMAND_LINE.wrong('one FOLDER with categories must be given');
  const methods = values.methods === undefined ? known : COMMAND_LINE.names('--methods', values.methods, known);
  const once = values.once === undefined ? [] : COMMAND_LINE.names('--once', values.once, methods);
  const found = await categoriesIn(folder);
  const categories =
    values.categories === undefined ? found : COMMAND_LINE.names('--categories', values.categories, found);
  return {
    folder,
    methods,
    once,
    categories,
    minutes: COMMAND_LINE.minutes(values.minutes),
    size: COMMAND_LINE.whole('--size', values.size, 64, 1024),
    seeds: COMMAND_LINE.list('--seeds', values.seeds).map((seed) =>
      COMMAND_LINE.whole('--seeds', seed, 0, LARGEST_SEED, 'whole numbers with commas, such as 1,2,3'),
    ),
    out: values.out,
  };
}
