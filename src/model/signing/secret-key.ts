import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  scrypt,
} from 'node:crypto';
import { blake2b } from './blake2b.js';
import { MinisignFormatError, type PublicKey, printedId, publicKeyOf } from './minisign.js';

/** minisign's secret keys: encrypted with a password (scrypt), or plain, as `minisign -G -W` writes them. */

export interface SecretKey {
  /** As in the public key. */
  readonly id: string;
  readonly key: KeyObject;
  readonly publicKey: PublicKey;
}

/** Work that scrypt does, as libsodium counts it: operations, and bytes of memory. */
export interface ScryptCost {
  readonly operations: number;
  readonly bytes: number;
}

/** libsodium's "sensitive" limits, which minisign uses: 1 GiB of memory, seconds. */
export const SENSITIVE_COST: ScryptCost = { operations: 2 ** 25, bytes: 2 ** 30 };

const COMMENT = 'untrusted comment: ';
const SIGNATURE_ALGORITHM = 'Ed';
const SCRYPT = 'Sc';
const NONE = '\0\0';
const CHECKSUM = 'B2';
const LENGTH = 158;
const SALT = { at: 6, length: 32 } as const;
/** Id, seed, public key and checksum: what is encrypted. */
const SECRETS_AT = 54;
const SECRETS_LENGTH = LENGTH - SECRETS_AT;
const BLOCK = 8;

/** A new pair of keys with a random id. */
export function generateKey(): SecretKey {
  const { privateKey } = generateKeyPairSync('ed25519');
  return fromSeed(randomBytes(8), Buffer.from(String(privateKey.export({ format: 'jwk' }).d), 'base64url'));
}

/** The text of a secret key file; without a password it is not encrypted. */
export async function secretKeyFile(
  { key, id, publicKey }: SecretKey,
  password: string | null,
  cost: ScryptCost = SENSITIVE_COST,
): Promise<string> {
  const idBytes = Buffer.from(id, 'hex').reverse();
  const seed = Buffer.from(String(key.export({ format: 'jwk' }).d), 'base64url');
  const secret = Buffer.concat([idBytes, seed, rawKey(publicKey)]);
  const bytes = Buffer.alloc(LENGTH);
  bytes.write(`${SIGNATURE_ALGORITHM}${password === null ? NONE : SCRYPT}${CHECKSUM}`, 'latin1');
  bytes.set(secret, SECRETS_AT);
  if (password !== null) {
    const salt = randomBytes(SALT.length);
    bytes.set(salt, SALT.at);
    bytes.writeBigUInt64LE(BigInt(cost.operations), 38);
    bytes.writeBigUInt64LE(BigInt(cost.bytes), 46);
    bytes.set(checksumOf(secret), SECRETS_AT + secret.byteLength);
    applyStream(bytes.subarray(SECRETS_AT), await derive(password, salt, cost));
  }
  const kind = password === null ? 'secret key' : 'encrypted secret key';
  return `${COMMENT}minisign ${kind}\n${bytes.toString('base64')}\n`;
}

/** Whether a password is needed. @throws MinisignFormatError for what is no secret key */
export function isEncrypted(text: string): boolean {
  return decode(text).toString('latin1', 2, 4) === SCRYPT;
}

/**
 * @param password null for a key that is not encrypted
 * @throws MinisignFormatError for what is no secret key, a wrong password, or none where one is needed
 */
export async function readSecretKey(text: string, password: string | null): Promise<SecretKey> {
  const bytes = decode(text);
  const secrets = bytes.subarray(SECRETS_AT);
  if (bytes.toString('latin1', 2, 4) === SCRYPT) {
    if (password === null) throw new MinisignFormatError('is encrypted with a password');
    const cost = { operations: Number(bytes.readBigUInt64LE(38)), bytes: Number(bytes.readBigUInt64LE(46)) };
    // Of whoever wrote the file: not more than minisign itself asks for.
    if (cost.operations > SENSITIVE_COST.operations || cost.bytes > SENSITIVE_COST.bytes) {
      throw new MinisignFormatError('asks for more work than minisign does');
    }
    applyStream(secrets, await derive(password, bytes.subarray(SALT.at, SALT.at + SALT.length), cost));
  }
  const secret = secrets.subarray(0, 72);
  const found = fromSeed(secret.subarray(0, 8), secret.subarray(8, 40));
  // A wrong password gives a seed whose public key is another one than that beside it.
  if (!rawKey(found.publicKey).equals(secret.subarray(40))) {
    throw new MinisignFormatError(password === null ? 'is damaged' : 'does not open with this password');
  }
  return found;
}

function fromSeed(idBytes: Uint8Array, seed: Uint8Array): SecretKey {
  // RFC 8410, 7: a PKCS #8 key is these bytes and the seed.
  const head = Buffer.from('302e020100300506032b657004220420', 'hex');
  const key = createPrivateKey({ key: Buffer.concat([head, seed]), format: 'der', type: 'pkcs8' });
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  return { id: printedId(idBytes), key, publicKey: publicKeyOf(idBytes, Buffer.from(String(x), 'base64url')) };
}

function rawKey({ text }: PublicKey): Buffer {
  return Buffer.from(text, 'base64').subarray(10);
}

function checksumOf(secret: Uint8Array): Buffer {
  return blake2b(Buffer.concat([Buffer.from(SIGNATURE_ALGORITHM), secret]), 32);
}

function decode(text: string): Buffer {
  const [comment = '', encoded = '', ...more] = text.trimEnd().split(/\r?\n/);
  const bytes = Buffer.from(encoded, 'base64');
  const known =
    more.length === 0 &&
    comment.startsWith(COMMENT) &&
    bytes.byteLength === LENGTH &&
    [SCRYPT, NONE].some(
      (derivation) => bytes.toString('latin1', 0, 6) === `${SIGNATURE_ALGORITHM}${derivation}${CHECKSUM}`,
    );
  if (!known) throw new MinisignFormatError('is not a secret key of minisign');
  return bytes;
}

function applyStream(bytes: Buffer, stream: Uint8Array): void {
  for (let i = 0; i < bytes.byteLength; i++) bytes[i]! ^= stream[i]!;
}

/** scrypt with the parameters that libsodium picks for a cost (`pickparams` in its pwhash_scryptsalsa208sha256.c). */
function derive(password: string, salt: Uint8Array, cost: ScryptCost): Promise<Buffer> {
  const operations = Math.max(cost.operations, 32_768);
  const memoryBound = operations >= cost.bytes / 32;
  const most = memoryBound ? cost.bytes / (BLOCK * 128) : operations / (BLOCK * 4);
  let log2 = 1;
  while (log2 < 63 && 2 ** log2 <= most / 2) log2++;
  const N = 2 ** log2;
  const p = memoryBound ? Math.max(1, Math.floor(Math.min(operations / 4 / N, 0x3fffffff) / BLOCK)) : 1;
  return new Promise((done, failed) => {
    const options = { N, r: BLOCK, p, maxmem: 128 * BLOCK * (N + p) + 64 * 1024 * 1024 };
    scrypt(password, salt, SECRETS_LENGTH, options, (error, key) => (error ? failed(error) : done(key)));
  });
}
