import { constants } from 'node:fs';
import { access, stat, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { reasonOf, SideglanceError } from '../errors.js';
import { replaceFile } from '../model/sync.js';

/**
 * Whether a report can be written to `file`, worth asking before a long measurement. A file that is there will be
 * overwritten.
 * @throws SideglanceError `SG_STORAGE` where the folder is missing or not writable, or `file` is a folder.
 */
export async function checkWritable(file: string): Promise<void> {
  try {
    if (await isReplaceable(file)) await access(dirname(resolve(file)), constants.W_OK | constants.X_OK);
    else await access(file, constants.W_OK);
  } catch (cause) {
    throw unwritable(file, cause);
  }
}

/**
 * Writes a text so that the file is at any moment either what it was before or the whole text: it is staged beside it
 * and then renamed. What is no ordinary file, such as /dev/stdout, is written to directly.
 * @throws SideglanceError `SG_STORAGE`
 */
export async function writeWhole(file: string, text: string): Promise<void> {
  try {
    if (await isReplaceable(file)) await replaceFile(resolve(file), text);
    else await writeFile(file, text);
  } catch (cause) {
    throw unwritable(file, cause);
  }
}

/** True for an ordinary file and for a name that is free. */
async function isReplaceable(file: string): Promise<boolean> {
  try {
    const facts = await stat(file);
    if (facts.isDirectory()) throw new Error('it is a folder');
    return facts.isFile();
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw thrown;
  }
}

function unwritable(file: string, cause: unknown): SideglanceError {
  return new SideglanceError('SG_STORAGE', `cannot write the report ${file}: ${reasonOf(cause)}`, { cause });
}
