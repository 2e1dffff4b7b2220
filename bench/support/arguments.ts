import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { reasonOf, SideglanceError } from '../../src/errors.js';
import { inNaturalOrder } from '../../src/image/decode.js';

/** Reads the command line of a script; whatever is wrong with it is an error `SG_USAGE` with its usage line. */
export class CommandLine {
  readonly #usage: string;

  /** @param usage one line */
  constructor(usage: string) {
    this.#usage = usage;
  }

  /** @throws SideglanceError `SG_USAGE` */
  parse<const T extends NonNullable<ParseArgsConfig['options']>>(args: readonly string[], options: T) {
    try {
      return parseArgs({ args: [...args], allowPositionals: true, options });
    } catch (thrown) {
      throw this.wrong(reasonOf(thrown));
    }
  }

  /** Names between commas, each of them known. */
  names(option: string, text: string, known: readonly string[]): string[] {
    const names = this.list(option, text);
    const strange = names.filter((name) => !known.includes(name));
    if (strange.length === 0) return names;
    throw this.wrong(`${option} names ${strange.join(', ')}, but there are only ${known.join(', ')}`);
  }

  /** Parts between commas, each once. */
  list(option: string, text: string): string[] {
    const parts = text.split(',');
    if (new Set(parts).size === parts.length && !parts.includes('')) return parts;
    throw this.wrong(`${option} must be a list without gaps or repetitions, not "${text}"`);
  }

  minutes(text: string): number {
    return this.#number('--minutes', text, (n) => n > 0 && n <= 10_000, 'a number above 0, at most 10000');
  }

  /** @param what the option must be, where a range does not say it */
  whole(option: string, text: string, least: number, most: number, what = `a whole number from ${least} to ${most}`) {
    return this.#number(option, text, (value) => Number.isInteger(value) && value >= least && value <= most, what);
  }

  wrong(what: string): SideglanceError {
    return new SideglanceError('SG_USAGE', `${what}\n${this.#usage}`);
  }

  #number(option: string, text: string, accepts: (value: number) => boolean, what: string): number {
    const value = Number(text);
    if (text.trim() !== '' && accepts(value)) return value;
    throw this.wrong(`${option} must be ${what}, not "${text}"`);
  }
}

export const LARGEST_SEED = 0xffff_ffff;

/**
 * The folders in a folder that have a folder `test`, in natural order.
 * @throws SideglanceError `SG_DATASET_INVALID` where there are none, or the folder cannot be read
 */
export async function categoriesIn(folder: string): Promise<string[]> {
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
