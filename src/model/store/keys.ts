import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf, SideglanceError } from '../../errors.js';
import { KEY_SET_LIMITS, parseKeySet, succeed } from '../signing/key-set.js';
import { readSignatures, type SignatureFile } from '../signing/signature-files.js';
import type { KeySet } from '../signing/threshold.js';
import { readSmallFile } from '../small-file.js';

/** Key sets that followed the one of the configuration: `keys/<serial>/keys.json` with its signatures. */
export const KEYS_FOLDER = 'keys';
export const KEY_SET_FILE = 'keys.json';

/**
 * The key set that is trusted now: the configuration's, and from there on each one that the one before signed. Files that
 * somebody else put into the store are found out.
 *
 * @param pinned file of the configuration
 * @throws SideglanceError `SG_KEY_INVALID`; as `succeed`
 */
export async function trustedKeys(pinned: string, store: string): Promise<KeySet> {
  const bytes = await readFile(pinned).catch((cause: unknown) => {
    throw new SideglanceError(
      'SG_KEY_INVALID',
      `the key set ${pinned} cannot be read: ${reasonOf(cause)}. Correct \`models.keys\``,
      { cause },
    );
  });
  let current = parseKeySet(bytes, pinned);
  for (const serial of await serialsIn(join(store, KEYS_FOLDER))) {
    if (serial <= current.serial) continue;
    const file = join(store, KEYS_FOLDER, String(serial), KEY_SET_FILE);
    const next = await readSmallFile(file, KEY_SET_LIMITS.maxBytes);
    current = succeed(current, next, await readSignatures(file), file);
  }
  return current;
}

/** Writes what `keep` moves to its place: a key set and its signatures, in a folder of their own. */
export async function stageKeys(
  folder: string,
  bytes: Uint8Array,
  signatures: readonly SignatureFile[],
  write: (path: string, bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await write(join(folder, KEY_SET_FILE), bytes);
  for (const { name, text } of signatures) {
    await write(join(folder, name.replace(/^.*?\.json/, KEY_SET_FILE)), Buffer.from(text));
  }
}

async function serialsIn(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch((): string[] => []);
  return names
    .filter((name) => /^[1-9]\d{0,14}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}
