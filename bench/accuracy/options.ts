import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { reasonOf, SideglanceError } from '../../src/errors.js';
import { inNaturalOrder } from '../../src/image/decode.js';
import { PACKAGE_ROOT } from '../../src/paths.js';

export const USAGE =
  'usage: accuracy FOLDER [--methods a,b] [--categories a,b] [--minutes 5] [--size 256] [--seeds 1,2] [--out PATH]';

export interface RunOptions {
  /** Holds the categories. */
  readonly folder: string;
  readonly methods: readonly string[];
  readonly categories: readonly string[];
  readonly minutes: number;
  readonly size: number;
  readonly seeds: readonly number[];
  /** The results are written to `<out>.json` and `<out>.md`, the cells to `<out>/cells`. */
  readonly out: string;
}

/**
 * Reads the command line; categories are the folders in FOLDER that have a folder `test`, where none are named.
 * @param known the names of the methods there are
 * @throws SideglanceError `SG_USAGE` with one message; `SG_DATASET_INVALID` where FOLDER cannot be read
 */
export async function readOptions(args: readonly string[], known: readonly string[]): Promise<RunOptions> {
  const { values, positionals } = parse(args);
  const [folder, ...more] = positionals;
  if (folder === undefined || more.length > 0) throw usage('one FOLDER with categories must be given');
  const methods = values.methods === undefined ? known : namesIn('--methods', values.methods, known);
  const found = await categoriesIn(folder);
  const categories = values.categories === undefined ? found : namesIn('--categories', values.categories, found);
  return {
    folder,
    methods,
    categories,
    minutes: numberIn('--minutes', values.minutes, (n) => n > 0 && n <= 10_000, 'a number above 0, at most 10000'),
    size: numberIn('--size', values.size, within(64, 1024), 'a whole number from 64 to 1024'),
    seeds: listIn('--seeds', values.seeds).map((seed) =>
      numberIn('--seeds', seed, within(0, 0xffff_ffff), 'whole numbers with commas, such as 1,2,3'),
    ),
    out: values.out,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        methods: { type: 'string' },
        categories: { type: 'string' },
        minutes: { type: 'string', default: '5' },
        size: { type: 'string', default: '256' },
        seeds: { type: 'string', default: '1' },
        out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'accuracy') },
      },
    });
  } catch (thrown) {
    throw usage(reasonOf(thrown));
  }
}

async function categoriesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder);
    const inside = await Promise.all(entries.map((name) => readdir(join(folder, name)).catch((): string[] => [])));
    const categories = entries.filter((_, index) => inside[index]!.includes('test')).sort(inNaturalOrder);
    if (categories.length > 0) return categories;
  } catch (cause) {
    throw new SideglanceError('SG_DATASET_INVALID', `${folder} cannot be read: ${reasonOf(cause)}`, { cause });
  }
  throw new SideglanceError('SG_DATASET_INVALID', `${folder} holds no category: a folder with a folder "test" in it`);
}

function namesIn(option: string, text: string, known: readonly string[]): string[] {
  const names = listIn(option, text);
  const strange = names.filter((name) => !known.includes(name));
  if (strange.length === 0) return names;
  throw usage(`${option} names ${strange.join(', ')}, but there are only ${known.join(', ')}`);
}

/** Parts between commas, each once. */
function listIn(option: string, text: string): string[] {
  const parts = text.split(',');
  if (new Set(parts).size === parts.length && !parts.includes('')) return parts;
  throw usage(`${option} must be a list without gaps or repetitions, not "${text}"`);
}

function numberIn(option: string, text: string, accepts: (value: number) => boolean, what: string): number {
  const value = Number(text);
  if (text.trim() !== '' && accepts(value)) return value;
  throw usage(`${option} must be ${what}, not "${text}"`);
}

function within(least: number, most: number): (value: number) => boolean {
  return (value) => Number.isInteger(value) && value >= least && value <= most;
}

function usage(what: string): SideglanceError {
  return new SideglanceError('SG_USAGE', `${what}\n${USAGE}`);
}
