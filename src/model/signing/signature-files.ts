import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SideglanceError } from '../../errors.js';
import { readSmallFile } from '../small-file.js';
import { MINISIGN_LIMITS } from './minisign.js';

/** A signature beside the file that it signs: `<file>.minisig`, or `<file>.<name>.minisig` where several people sign. */
export interface SignatureFile {
  readonly name: string;
  readonly text: string;
}

export const SIGNATURE_LIMITS = { maxSignatures: 16 } as const;

const SUFFIX = '.minisig';
const SIGNER = /^\.[A-Za-z0-9_-]{1,64}$/;

/** Whether a file of this name may be a signature of `signed`, which is a name without a folder. */
export function isSignatureOf(signed: string, name: string): boolean {
  if (!name.startsWith(signed) || !name.endsWith(SUFFIX)) return false;
  const between = name.slice(signed.length, -SUFFIX.length);
  return name.length >= signed.length + SUFFIX.length && (between === '' || SIGNER.test(between));
}

/** Where the next signature goes: the name that the stock tool looks for, if it is free. */
export function nameFor(signed: string, keyId: string, taken: readonly string[]): string {
  const plain = `${signed}${SUFFIX}`;
  return taken.includes(plain) ? `${signed}.${keyId}${SUFFIX}` : plain;
}

/** Names sort by their bytes: the plain one stands where it falls. */
export function inSignatureOrder(names: readonly string[]): string[] {
  return [...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/**
 * The signatures beside a file.
 * @throws SideglanceError `SG_BUNDLE_TOO_LARGE` for too many or too large ones; as `readSmallFile`
 */
export async function readSignatures(file: string): Promise<SignatureFile[]> {
  const folder = dirname(file);
  const names = inSignatureOrder((await readdir(folder)).filter((name) => isSignatureOf(basename(file), name)));
  if (names.length > SIGNATURE_LIMITS.maxSignatures) {
    throw new SideglanceError(
      'SG_BUNDLE_TOO_LARGE',
      `${file} has ${names.length} signatures, ${SIGNATURE_LIMITS.maxSignatures} are allowed. Take away those of keys that nobody trusts`,
    );
  }
  return Promise.all(
    names.map(async (name) => ({
      name,
      text: (await readSmallFile(join(folder, name), MINISIGN_LIMITS.maxSignatureBytes)).toString('utf8'),
    })),
  );
}
