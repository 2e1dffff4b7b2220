import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/**
 * Public keys and signatures in minisign's format (https://jedisct1.github.io/minisign/): two lines for a key, four for a
 * signature, so that the stock tool signs for sideglance and verifies what sideglance signs.
 */

export const MINISIGN_LIMITS = { maxSignatureBytes: 16 * 1024, maxPublicKeyBytes: 4 * 1024 } as const;

const UNTRUSTED = 'untrusted comment: ';
const TRUSTED = 'trusted comment: ';
/** Signs the bytes themselves. */
const LEGACY = 'Ed';
/** Signs the BLAKE2b-512 digest of the bytes: what minisign does unless told otherwise. */
const PREHASHED = 'ED';

export interface PublicKey {
  /** Eight bytes as minisign prints them: sixteen hexadecimal digits. */
  readonly id: string;
  /** Base64 of algorithm, id and key: what `minisign -P` takes. Tells keys apart. */
  readonly text: string;
  readonly key: KeyObject;
}

export interface Signature {
  /** Of the key that claims to have signed. */
  readonly keyId: string;
  readonly prehashed: boolean;
  readonly signature: Uint8Array;
  /** Holds only once the signature was verified. */
  readonly trustedComment: string;
  /** Over signature and trusted comment. */
  readonly globalSignature: Uint8Array;
}

/** A text that is not what it should be. Callers know what it stands for, and wrap it. */
export class MinisignFormatError extends Error {}

/** @param text two lines of a `.pub` file, or the second one alone @throws MinisignFormatError */
export function parsePublicKey(text: string): PublicKey {
  const lines = text.trimEnd().split(/\r?\n/);
  const encoded =
    lines.length === 2 && lines[0]!.startsWith(UNTRUSTED) ? lines[1]! : lines.length === 1 ? lines[0]! : '';
  const bytes = decode(encoded, 42, 'a minisign public key');
  if (bytes.toString('latin1', 0, 2) !== LEGACY) throw new MinisignFormatError('is no Ed25519 key of minisign');
  return publicKeyOf(bytes.subarray(2, 10), bytes.subarray(10));
}

/** @param id eight bytes @param raw the 32 bytes of an Ed25519 key */
export function publicKeyOf(id: Uint8Array, raw: Uint8Array): PublicKey {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(raw).toString('base64url') };
  return {
    id: printedId(id),
    text: Buffer.concat([Buffer.from(LEGACY), id, raw]).toString('base64'),
    key: createPublicKey({ key: jwk, format: 'jwk' }),
  };
}

/** The text of a `.pub` file. */
export function publicKeyFile({ id, text }: PublicKey): string {
  return `${UNTRUSTED}minisign public key ${id}\n${text}\n`;
}

/** @throws MinisignFormatError for anything but exactly four lines of the right lengths */
export function parseSignature(text: string): Signature {
  const [untrusted = '', encoded = '', trusted = '', global = '', ...more] = text.replace(/\n$/, '').split('\n');
  if (more.length > 0) throw new MinisignFormatError('has more than the four lines of one signature');
  if (!untrusted.startsWith(UNTRUSTED)) throw new MinisignFormatError(`does not begin with "${UNTRUSTED.trim()}"`);
  if (!trusted.startsWith(TRUSTED)) throw new MinisignFormatError('has no trusted comment');
  const bytes = decode(encoded, 74, 'a minisign signature');
  const algorithm = bytes.toString('latin1', 0, 2);
  if (algorithm !== LEGACY && algorithm !== PREHASHED) {
    throw new MinisignFormatError('was made with an algorithm other than Ed25519');
  }
  return {
    keyId: printedId(bytes.subarray(2, 10)),
    prehashed: algorithm === PREHASHED,
    signature: bytes.subarray(10),
    trustedComment: trusted.slice(TRUSTED.length),
    globalSignature: decode(global, 64, 'a global signature'),
  };
}

/** Whether the key signed these bytes, and the trusted comment. The key's id plays no part in that. */
export function verifySignature(message: Uint8Array, made: Signature, { key }: PublicKey): boolean {
  const { signature, trustedComment, globalSignature } = made;
  const signed = made.prehashed ? prehash(message) : message;
  if (!verify(null, signed, key, signature)) return false;
  return verify(null, Buffer.concat([signature, Buffer.from(trustedComment)]), key, globalSignature);
}

export interface Signing {
  /** As in the public key. */
  readonly id: string;
  readonly key: KeyObject;
  /** One line; anybody may change it. */
  readonly untrustedComment?: string;
  /** One line, signed with the rest. */
  readonly trustedComment: string;
}

/** The text of a `.minisig` file, prehashed. @throws MinisignFormatError for a comment with a line end */
export function signMessage(message: Uint8Array, signing: Signing): string {
  const { id, key, trustedComment, untrustedComment = `signature of ${id}` } = signing;
  if (/[\r\n]/.test(untrustedComment + trustedComment)) throw new MinisignFormatError('has a comment of several lines');
  const signature = sign(null, prehash(message), key);
  const global = sign(null, Buffer.concat([signature, Buffer.from(trustedComment)]), key);
  const head = Buffer.concat([Buffer.from(PREHASHED), Buffer.from(id, 'hex').reverse(), signature]);
  return [
    `${UNTRUSTED}${untrustedComment}`,
    head.toString('base64'),
    `${TRUSTED}${trustedComment}`,
    global.toString('base64'),
    '',
  ].join('\n');
}

/** minisign prints the eight bytes as a number that was stored little endian. */
export function printedId(id: Uint8Array): string {
  return Buffer.from(id).reverse().toString('hex').toUpperCase();
}

function prehash(message: Uint8Array): Buffer {
  return createHash('blake2b512').update(message).digest();
}

/** Strict base64: what Node's decoder would skip over is an error. */
function decode(text: string, length: number, what: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.byteLength !== length || bytes.toString('base64') !== text) throw new MinisignFormatError(`is not ${what}`);
  return bytes;
}
