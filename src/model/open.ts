import { lstat, open, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { sha256 } from '../digest.js';
import { reasonOf, SideglanceError } from '../errors.js';
import { readBytes } from '../read-bytes.js';
import {
  type BundleFile,
  bundleLimits,
  CONTEXT_FILE,
  MANIFEST_FILE,
  type Manifest,
  MODEL_FILE,
  parseManifest,
} from './manifest.js';

/** A model bundle in memory: the very bytes whose digests were verified. */
export interface Bundle {
  /** The folder, for messages. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** The bytes of `model.onnx`. */
  readonly model: Uint8Array;
  /** The bytes of `context.onnx`, for a `field` model. */
  readonly context: Uint8Array | null;
  /** The golden images' bytes by their path in the bundle. */
  readonly golden: ReadonlyMap<string, Uint8Array>;
  /** The bytes of the template, for a model that finds its part first. */
  readonly template: Uint8Array | null;
}

/**
 * Reads a bundle and verifies every file that its manifest lists. The model itself is not run here.
 *
 * @throws SideglanceError `SG_MODEL_UNREADABLE` where the folder or a file is missing, truncated or changed,
 * `SG_MODEL_INVALID` where the manifest breaks its contract or needs a newer sideglance
 */
export async function openBundle(folder: string): Promise<Bundle> {
  const manifest = await readManifest(folder);
  const root = await realpath(folder);
  let model: Uint8Array | undefined;
  let context: Uint8Array | null = null;
  let template: Uint8Array | null = null;
  const golden = new Map<string, Uint8Array>();
  const images = new Set(manifest.golden.map((sample) => sample.image));
  for (const file of manifest.files) {
    const bytes = await readListed(folder, root, file);
    if (file.path === MODEL_FILE) model = bytes;
    if (file.path === CONTEXT_FILE && manifest.field) context = bytes;
    if (file.path === manifest.locate?.template) template = bytes;
    if (images.has(file.path)) golden.set(file.path, bytes);
  }
  // The schema makes sure that the model is listed.
  return { folder, manifest, model: model as Uint8Array, context, golden, template };
}

/** Reads and checks only the manifest. @throws SideglanceError as {@link openBundle} */
export async function readManifest(folder: string): Promise<Manifest> {
  const facts = await stat(folder).catch((cause: unknown) => {
    throw unreadable(
      `the model bundle ${folder} cannot be found: ${reasonOf(cause)}. Check the path, install it (\`sideglance model install\`), or train one`,
      cause,
    );
  });
  if (!facts.isDirectory()) {
    throw unreadable(
      `the model bundle ${folder} is a file, not a folder with a ${MANIFEST_FILE}. Unpack or install it first`,
    );
  }
  const file = join(folder, MANIFEST_FILE);
  const exists = await lstat(file).then(
    () => true,
    () => false,
  );
  if (!exists) throw unreadable(`${folder} is not a model bundle: it has no ${MANIFEST_FILE}. Check the path`);
  const bytes = await readWhole(file, bundleLimits.maxManifestBytes);
  return parseManifest(Buffer.from(bytes).toString('utf8'), file);
}

async function readListed(folder: string, root: string, file: BundleFile): Promise<Uint8Array> {
  const path = join(folder, file.path);
  const real = await realpath(path).catch((cause: unknown) => {
    throw unreadable(`${path} is listed in the manifest but missing. Copy the bundle again`, cause);
  });
  if (!real.startsWith(root + sep)) {
    throw new SideglanceError(
      'SG_MODEL_INVALID',
      `${path} is a link that leads out of the bundle, to ${real}. Put the file itself there`,
    );
  }
  const bytes = await readWhole(path, file.size);
  if (bytes.byteLength < file.size) {
    throw unreadable(`${path} is truncated: ${bytes.byteLength} of ${file.size} bytes. Copy the bundle again`);
  }
  const digest = (await sha256(bytes)).toString('hex');
  if (digest !== file.sha256) {
    throw unreadable(
      `${path} was changed after the bundle was made: its SHA-256 is ${digest.slice(0, 12)}…, the manifest says ${file.sha256.slice(0, 12)}…. Copy the bundle again`,
    );
  }
  return bytes;
}

/** Reads at most `expected` bytes; a longer file is refused before it is in memory. */
async function readWhole(path: string, expected: number): Promise<Uint8Array> {
  try {
    const handle = await open(path, 'r');
    try {
      const facts = await handle.stat();
      if (!facts.isFile()) throw new Error('it is not a file');
      if (facts.size > expected) throw new Error(`it has ${facts.size} bytes, ${expected} are allowed`);
      return await readBytes(handle, facts.size);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw unreadable(`${path} cannot be read: ${reasonOf(cause)}. Copy the bundle again`, cause);
  }
}

function unreadable(message: string, cause?: unknown): SideglanceError {
  return new SideglanceError('SG_MODEL_UNREADABLE', message, cause === undefined ? {} : { cause });
}
