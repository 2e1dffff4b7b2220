import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { signaturesOf } from '../../bench/updates/small-bundle.js';
import { MANIFEST_FILE } from '../../src/model/manifest.js';
import type { SecretKey } from '../../src/model/signing/secret-key.js';
import { readSmallFile } from '../../src/model/small-file.js';

/** Signs the folder of a bundle, as `sideglance model sign` does. */
export async function signFolder(folder: string, signers: readonly SecretKey[]): Promise<void> {
  const bytes = await readSmallFile(join(folder, MANIFEST_FILE), Number.POSITIVE_INFINITY);
  for (const [name, text] of signaturesOf(MANIFEST_FILE, bytes, signers)) await writeFile(join(folder, name), text);
}
