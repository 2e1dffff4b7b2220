import { reasonOf, SideglanceError } from '../../errors.js';
import { type PublicKey, parseSignature, type Signature, verifySignature } from './minisign.js';
import type { SignatureFile } from './signature-files.js';

export interface TrustedKey {
  readonly name: string;
  readonly publicKey: PublicKey;
}

export interface KeySet {
  readonly serial: number;
  readonly threshold: number;
  readonly keys: readonly TrustedKey[];
  readonly revoked: readonly PublicKey[];
}

/** A trusted key that signed, and what its owner wrote beside it. */
export interface Signer {
  readonly name: string;
  readonly keyId: string;
  readonly trustedComment: string;
}

/**
 * Checks that enough different keys of a key set signed these bytes. Signatures of unknown keys count for nothing; one that
 * is malformed, or claims to be of a trusted key and does not hold, refuses the whole.
 *
 * @param where what is signed, for messages
 * @throws SideglanceError `SG_BUNDLE_UNSIGNED`, `SG_BUNDLE_SIGNATURE`, `SG_BUNDLE_KEY_REVOKED`, `SG_BUNDLE_UNTRUSTED`
 */
export function checkSignatures(
  bytes: Uint8Array,
  files: readonly SignatureFile[],
  { keys, threshold, revoked }: KeySet,
  where: string,
): Signer[] {
  if (files.length === 0) {
    throw new SideglanceError(
      'SG_BUNDLE_UNSIGNED',
      `${where} is not signed. Sign it with \`sideglance model sign\` or minisign`,
    );
  }
  const signers = new Map<string, Signer>();
  const others = { unknown: new Set<string>(), revoked: new Set<string>() };
  for (const file of files) {
    const made = parse(file, where);
    const signer = signerOf(bytes, made, file, keys, where);
    if (signer !== null) {
      signers.set(signer.publicKey.text, {
        name: signer.name,
        keyId: made.keyId,
        trustedComment: made.trustedComment,
      });
    } else if (revoked.some((key) => key.id === made.keyId && verifySignature(bytes, made, key))) {
      others.revoked.add(made.keyId);
    } else others.unknown.add(made.keyId);
  }
  if (signers.size >= threshold) return [...signers.values()];
  const found = [
    `${signers.size} of ${threshold} signatures that are needed`,
    ...[...others.unknown].map((id) => `${id} is not a trusted key`),
    ...[...others.revoked].map((id) => `${id} was revoked`),
  ].join('; ');
  const code = signers.size + others.revoked.size >= threshold ? 'SG_BUNDLE_KEY_REVOKED' : 'SG_BUNDLE_UNTRUSTED';
  throw new SideglanceError(code, `${where} has ${found}. Have it signed by keys that this device trusts`);
}

function parse({ name, text }: SignatureFile, where: string): Signature {
  try {
    return parseSignature(text);
  } catch (cause) {
    throw new SideglanceError(
      'SG_BUNDLE_SIGNATURE',
      `the signature ${name} of ${where} ${reasonOf(cause)}. Sign it again`,
      { cause },
    );
  }
}

/** Null where no trusted key has this id. */
function signerOf(
  bytes: Uint8Array,
  made: Signature,
  { name }: SignatureFile,
  keys: readonly TrustedKey[],
  where: string,
): TrustedKey | null {
  // An id is no secret and may stand for two keys.
  const claimed = keys.filter(({ publicKey }) => publicKey.id === made.keyId);
  if (claimed.length === 0) return null;
  const found = claimed.find(({ publicKey }) => verifySignature(bytes, made, publicKey));
  if (found !== undefined) return found;
  throw new SideglanceError(
    'SG_BUNDLE_SIGNATURE',
    `${name} is no signature of ${where} by ${claimed[0]!.name} (${made.keyId}): one of them was changed, or the signature is of something else. Sign it again`,
  );
}
