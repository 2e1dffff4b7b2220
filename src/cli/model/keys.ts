import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { text as readStream } from 'node:stream/consumers';
import { loadConfig } from '../../config/load.js';
import { reasonOf, SideglanceError } from '../../errors.js';
import { FolderSource } from '../../model/bundle/source.js';
import { readManifestBytes, verifyFiles } from '../../model/bundle/verify.js';
import { MANIFEST_FILE, modelName } from '../../model/manifest.js';
import { KEY_SET_LIMITS, keySetFile, parseKeySet } from '../../model/signing/key-set.js';
import {
  MinisignFormatError,
  type PublicKey,
  parsePublicKey,
  parseSignature,
  publicKeyFile,
  signMessage,
} from '../../model/signing/minisign.js';
import {
  generateKey,
  isEncrypted,
  readSecretKey,
  type SecretKey,
  secretKeyFile,
} from '../../model/signing/secret-key.js';
import { nameFor, readSignatures } from '../../model/signing/signature-files.js';
import { readSmallFile } from '../../model/small-file.js';
import { replaceFile } from '../../model/sync.js';
import { deviceModels } from '../../updates/device-models.js';

export interface SigningOptions {
  readonly key: string;
  readonly passwordFile?: string;
  readonly comment?: string;
}

export interface KeygenOptions {
  readonly out: string;
  readonly passwordFile?: string;
  /** commander's form of `--no-password`. */
  readonly password: boolean;
}

export interface KeysOptions {
  readonly out: string;
  readonly from?: string;
  readonly key: readonly string[];
  readonly revoke: readonly string[];
  readonly threshold?: number;
}

/** `model keygen`: `<out>.pub` and `<out>.key`; neither may be there. */
export async function keygen({ out, passwordFile, password }: KeygenOptions): Promise<void> {
  if (password && passwordFile === undefined) {
    throw new SideglanceError(
      'SG_USAGE',
      'name a file with a password by --password-file (- for standard input), or say --no-password',
    );
  }
  const secret = generateKey();
  const text = await secretKeyFile(secret, passwordFile === undefined ? null : await readPassword(passwordFile));
  await writeNew(`${out}.key`, text, 0o600);
  try {
    await writeNew(`${out}.pub`, publicKeyFile(secret.publicKey), 0o644);
  } catch (thrown) {
    await rm(`${out}.key`, { force: true });
    throw thrown;
  }
  say(`key ${secret.id}: ${out}.pub is for devices, ${out}.key is secret`);
}

/** `model keys`: a key set for devices, the first one or the next. */
export async function keys({ out, from, key, revoke, threshold }: KeysOptions): Promise<void> {
  const before = from === undefined ? null : parseKeySet(await readKeyFile(from), from);
  const dropped = await Promise.all(revoke.map(readPublicKey));
  const isDropped = ({ text }: PublicKey) => dropped.some((one) => one.text === text);
  const added = await Promise.all(
    key.map(async (file) => ({ name: basename(file).replace(/\.pub$/, ''), publicKey: await readPublicKey(file) })),
  );
  const kept = (before?.keys ?? []).filter(
    ({ publicKey }) => !isDropped(publicKey) && !added.some((one) => one.publicKey.text === publicKey.text),
  );
  const next = {
    serial: (before?.serial ?? 0) + 1,
    threshold: threshold ?? before?.threshold ?? 1,
    keys: [...kept, ...added],
    revoked: [...(before?.revoked ?? []).filter((one) => !isDropped(one)), ...dropped],
  };
  await replaceFile(out, keySetFile(next));
  const names = next.keys.map(({ name, publicKey }) => `${name} (${publicKey.id})`).join(', ');
  say(
    `${out}: serial ${next.serial}, ${next.threshold} of ${names}${next.revoked.length > 0 ? `; ${next.revoked.length} revoked` : ''}`,
  );
  if (before !== null)
    say(`devices take it once ${before.threshold} keys of ${from} and ${next.threshold} of its own have signed it`);
}

/** `model sign`: a bundle's folder, whose files are verified first, or a key set. */
export async function sign(path: string, options: SigningOptions): Promise<void> {
  const isFolder = (await stat(path).catch(() => null))?.isDirectory() ?? false;
  const file = isFolder ? join(path, MANIFEST_FILE) : path;
  const bytes = await readKeyFile(file, Number.POSITIVE_INFINITY);
  let what = basename(path);
  if (isFolder) {
    const { manifest } = readManifestBytes(bytes, path, Number.POSITIVE_INFINITY);
    await verifyFiles(new FolderSource(path), { manifest });
    what = modelName(manifest);
  } else parseKeySet(bytes, path);
  say(`${what} signed: ${await signFile(file, bytes, what, options)}`);
}

/**
 * Signs a file; a signature by the same key is replaced.
 * @returns the name of the signature's file
 * @throws SideglanceError `SG_KEY_INVALID`
 */
export async function signFile(
  file: string,
  bytes: Uint8Array,
  what: string,
  options: SigningOptions,
): Promise<string> {
  const { id, key } = await openSecretKey(options);
  const comment = options.comment ?? `${what} timestamp:${Math.floor(Date.now() / 1000)}`;
  const present = await readSignatures(file);
  const own = present.find(({ text }) => keyIdOf(text) === id)?.name;
  const name =
    own ??
    nameFor(
      basename(file),
      id,
      present.map((one) => one.name),
    );
  try {
    await replaceFile(join(dirname(file), name), signMessage(bytes, { id, key, trustedComment: comment }));
  } catch (cause) {
    throw new SideglanceError('SG_KEY_INVALID', `${file} cannot be signed: ${reasonOf(cause)}`, { cause });
  }
  return name;
}

/** `model trust`: a key set that the trusted keys signed. */
export async function trust(file: string, { config }: { readonly config: string }): Promise<void> {
  const { store } = deviceModels(loadConfig(config));
  const next = await store.trust(await readKeyFile(file), await readSignatures(file), file);
  say(
    `trusted from now on: ${next.threshold} of ${next.keys.map(({ name }) => name).join(', ')} (serial ${next.serial})`,
  );
}

/** Of a file's first line on, without its line end; `-` is standard input. */
async function readPassword(file: string): Promise<string> {
  try {
    const text = file === '-' ? await readStream(process.stdin) : await readFile(file, 'utf8');
    return text.split(/\r?\n/, 1)[0]!;
  } catch (cause) {
    throw new SideglanceError('SG_KEY_INVALID', `the password file ${file} cannot be read: ${reasonOf(cause)}`, {
      cause,
    });
  }
}

async function openSecretKey({ key, passwordFile }: SigningOptions): Promise<SecretKey> {
  try {
    const text = await readFile(key, 'utf8');
    if (isEncrypted(text) && passwordFile === undefined) {
      throw new MinisignFormatError(
        'is encrypted; name a file with its password by --password-file (- for standard input)',
      );
    }
    return await readSecretKey(text, isEncrypted(text) ? await readPassword(passwordFile as string) : null);
  } catch (cause) {
    if (cause instanceof SideglanceError) throw cause;
    throw new SideglanceError('SG_KEY_INVALID', `the secret key ${key} ${keyReason(cause)}`, { cause });
  }
}

async function readPublicKey(file: string): Promise<PublicKey> {
  try {
    return parsePublicKey(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new SideglanceError('SG_KEY_INVALID', `the public key ${file} ${keyReason(cause)}`, { cause });
  }
}

function keyReason(cause: unknown): string {
  return cause instanceof MinisignFormatError ? cause.message : `cannot be read: ${reasonOf(cause)}`;
}

function readKeyFile(file: string, maxBytes: number = KEY_SET_LIMITS.maxBytes): Promise<Buffer> {
  return readSmallFile(file, maxBytes);
}

/** Null for what is no signature. */
function keyIdOf(text: string): string | null {
  try {
    return parseSignature(text).keyId;
  } catch {
    return null;
  }
}

async function writeNew(file: string, text: string, mode: number): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx', mode });
  } catch (cause) {
    throw new SideglanceError(
      'SG_STORAGE',
      `${file} cannot be written: ${reasonOf(cause)}. Keys are never overwritten`,
      { cause },
    );
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
