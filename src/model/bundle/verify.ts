import { createHash } from 'node:crypto';
import { SideglanceError } from '../../errors.js';
import { decodeModel } from '../../onnx/codec.js';
import { checkOperators, operatorNeeds } from '../../onnx/operators.js';
import { bundleLimits, MANIFEST_FILE, type Manifest, PLAIN_PATH, parseManifest } from '../manifest.js';
import { checkSignatures, type KeySet, type Signer } from '../signing/threshold.js';
import { type BundleHead, type BundleSource, isHeadFile } from './source.js';

/** A bundle whose head was verified: its manifest may be believed, and says what the rest has to be. */
export interface VerifiedBundle {
  readonly head: BundleHead;
  readonly manifest: Manifest;
  /** SHA-256 of `manifest.json` in hexadecimal: stands for the bundle as a whole. */
  readonly digest: string;
  readonly signers: readonly Signer[];
  /** Of the files that the manifest lists. */
  readonly bytes: number;
}

export interface VerifyOptions {
  readonly keys: KeySet;
  /** Of all files together. */
  readonly maxBytes: number;
}

/**
 * Reads the head of a bundle and verifies it: the very bytes that were signed, before anything looks into them.
 *
 * @throws SideglanceError `SG_BUNDLE_UNSIGNED`, `SG_BUNDLE_SIGNATURE`, `SG_BUNDLE_UNTRUSTED`, `SG_BUNDLE_KEY_REVOKED`,
 * `SG_BUNDLE_AGENT_VERSION`, `SG_BUNDLE_TOO_LARGE`, `SG_BUNDLE_PATH`, `SG_BUNDLE_OPERATOR`; `SG_MODEL_INVALID` and
 * `SG_MODEL_UNREADABLE` as `parseManifest`; as `BundleSource.head`
 */
export async function verifyHead(source: BundleSource, { keys, maxBytes }: VerifyOptions): Promise<VerifiedBundle> {
  const head = await source.head();
  const where = `${MANIFEST_FILE} of ${source.name}`;
  const signers = checkSignatures(head.manifest, head.signatures, keys, where);
  const { manifest, bytes } = readManifestBytes(head.manifest, source.name, maxBytes);
  if (manifest.requires !== undefined) checkOperators(manifest.requires, source.name);
  return { head, manifest, digest: digestOf(head.manifest), signers, bytes };
}

/**
 * Parses the bytes of a manifest, and refuses what could not be put on a disk.
 * @throws SideglanceError as {@link verifyHead}
 */
export function readManifestBytes(
  text: Uint8Array,
  where: string,
  maxBytes: number,
): { readonly manifest: Manifest; readonly bytes: number } {
  const json = Buffer.from(text).toString('utf8');
  refuseAmounts(json, where);
  const manifest = parseManifest(json, `${MANIFEST_FILE} of ${where}`);
  const paths = manifest.files.map(({ path }) => path);
  const clash = paths.find((path) => isHeadFile(path) || paths.some((other) => other.startsWith(`${path}/`)));
  if (clash !== undefined) {
    throw new SideglanceError(
      'SG_BUNDLE_PATH',
      `${where} lists ${clash}, which cannot lie beside its other files. Export it again`,
    );
  }
  const bytes = manifest.files.reduce((sum, { size }) => sum + size, 0);
  if (bytes > maxBytes) {
    throw new SideglanceError(
      'SG_BUNDLE_TOO_LARGE',
      `${where} has ${bytes} bytes, ${maxBytes} are allowed. Make a smaller one, or raise \`models.maxBundleMb\``,
    );
  }
  return { manifest, bytes };
}

/**
 * Reads the rest of a bundle without keeping it: every digest, and what the networks need.
 * @throws SideglanceError `SG_BUNDLE_DIGEST`; as `BundleSource.files` and `checkGraph`
 */
export async function verifyFiles(source: BundleSource, { manifest }: Pick<VerifiedBundle, 'manifest'>): Promise<void> {
  for await (const { file, chunks } of source.files(manifest.files)) {
    const parts: Uint8Array[] | null = isGraph(file.path) ? [] : null;
    const hash = createHash('sha256');
    for await (const chunk of chunks) {
      hash.update(chunk);
      parts?.push(chunk);
    }
    checkDigest(file, hash.digest('hex'), source.name);
    if (parts !== null) checkGraph(Buffer.concat(parts), `${file.path} of ${source.name}`);
  }
}

/** @throws SideglanceError `SG_BUNDLE_DIGEST` */
export function checkDigest(
  file: { readonly path: string; readonly sha256: string },
  found: string,
  where: string,
): void {
  if (found === file.sha256) return;
  throw new SideglanceError(
    'SG_BUNDLE_DIGEST',
    `${file.path} of ${where} was changed: its SHA-256 is ${found.slice(0, 12)}…, the manifest says ${file.sha256.slice(0, 12)}…. Copy the bundle again`,
  );
}

export function isGraph(path: string): boolean {
  return path.endsWith('.onnx');
}

/**
 * Whether a network is one that may be loaded. What the manifest says of it is only its author's word.
 * @throws SideglanceError `SG_BUNDLE_OPERATOR`; `SG_MODEL_UNREADABLE` for what is no ONNX model, or keeps tensors elsewhere
 */
export function checkGraph(bytes: Uint8Array, where: string): void {
  checkOperators(operatorNeeds([decodeModel(bytes, where)]), where);
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Before the schema speaks, which would name a thousand faults of one kind. */
function refuseAmounts(json: string, where: string): void {
  for (const [i, file] of listedFiles(json).entries()) {
    const { path, size } = file as { path?: unknown; size?: unknown };
    if (typeof path === 'string' && !PLAIN_PATH.test(path)) {
      throw new SideglanceError(
        'SG_BUNDLE_PATH',
        `${where} lists the path ${JSON.stringify(path)}, which is not plain. Export it again`,
      );
    }
    if (i >= bundleLimits.maxFiles || (typeof size === 'number' && size > bundleLimits.maxFileBytes)) {
      throw new SideglanceError(
        'SG_BUNDLE_TOO_LARGE',
        `${where} lists more than ${bundleLimits.maxFiles} files, or one of more than ${bundleLimits.maxFileBytes} bytes. Export a smaller one`,
      );
    }
  }
}

function listedFiles(json: string): readonly object[] {
  try {
    const { files } = JSON.parse(json) as { files?: unknown };
    return Array.isArray(files) ? files.filter((file) => typeof file === 'object' && file !== null) : [];
  } catch {
    return []; // `parseManifest` says what is wrong.
  }
}
