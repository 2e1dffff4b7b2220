import { access, constants, mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { reasonOf, SideglanceError } from '../../src/errors.js';

/**
 * Makes the folder that results are to be written to: whether that works is known before hours of measuring.
 *
 * @param out the results' path, with or without an extension
 * @throws SideglanceError `SG_STORAGE`
 */
export async function prepareResults(out: string): Promise<void> {
  try {
    await mkdir(dirname(out), { recursive: true });
    await access(dirname(out), constants.W_OK);
  } catch (cause) {
    throw new SideglanceError('SG_STORAGE', `results cannot be written to ${out}: ${reasonOf(cause)}`, { cause });
  }
}

/** Writes `<out>.md` and `<out>.json`. */
export async function writeResults(out: string, text: string, report: object): Promise<void> {
  await writeFile(`${out}.md`, text);
  await writeFile(`${out}.json`, `${JSON.stringify(report, null, 2)}\n`);
}
