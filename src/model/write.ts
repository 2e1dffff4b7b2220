import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { reasonOf, SideglanceError } from '../errors.js';
import { decodeModel } from '../onnx/codec.js';
import { operatorNeeds } from '../onnx/operators.js';
import { exchange } from './exchange.js';
import { MANIFEST_FILE, type Manifest, MODEL_FILE, parseManifest } from './manifest.js';
import { syncFolder } from './sync.js';

/** What a bundle is made of. The digests are taken here. */
export interface BundleContents {
  readonly manifest: Omit<Manifest, 'files'>;
  /** The bytes of `model.onnx`. */
  readonly model: Uint8Array;
  /** Further files by their path in the bundle: the golden images, the template, the second graph. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * Writes a bundle so that the folder is at any moment, power cuts included, either what it was before or the whole new
 * bundle: everything is staged beside it in `<folder>.partial`, synced, and then renamed. A bundle that stands there
 * already is replaced; anything else is refused (`checkTarget`).
 *
 * @throws SideglanceError `SG_STORAGE` when the files cannot be written, `SG_MODEL_INVALID` for contents that
 * `openBundle` would refuse, `SG_MODEL_UNREADABLE` for a network that is none
 */
export async function writeBundle(folder: string, contents: BundleContents): Promise<Manifest> {
  const target = resolve(folder);
  await checkTarget(target);
  const files = new Map([[MODEL_FILE, contents.model], ...contents.files]);
  const listed = [...files].map(([path, bytes]) => ({
    path,
    size: bytes.byteLength,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }));
  const graphs = [...files].filter(([path]) => path.endsWith('.onnx'));
  const requires = operatorNeeds(graphs.map(([path, bytes]) => decodeModel(bytes, path)));
  const text = `${JSON.stringify({ ...contents.manifest, requires, files: listed }, null, 2)}\n`;
  const manifest = parseManifest(text, join(target, MANIFEST_FILE));

  const staged = `${target}.partial`;
  try {
    await rm(staged, { recursive: true, force: true });
    await mkdir(staged, { recursive: true });
    for (const [path, bytes] of files) await writeSynced(staged, path, bytes);
    await writeSynced(staged, MANIFEST_FILE, Buffer.from(text));
    await moveInPlace(staged, target);
  } catch (cause) {
    await rm(staged, { recursive: true, force: true }).catch(() => undefined);
    throw new SideglanceError(
      'SG_STORAGE',
      `the model bundle ${target} cannot be written: ${reasonOf(cause)}. Free some space or choose another folder`,
      { cause },
    );
  }
  return manifest;
}

/**
 * Whether a bundle may be written to `folder`: it does not exist, is empty, or holds a bundle, which is replaced. Worth
 * asking before a long training.
 * @throws SideglanceError `SG_STORAGE`
 */
export async function checkTarget(folder: string): Promise<void> {
  const names = await readdir(folder).catch((thrown: NodeJS.ErrnoException): string[] => {
    if (thrown.code === 'ENOENT') return [];
    throw new SideglanceError(
      'SG_STORAGE',
      `a model bundle cannot be written to ${folder}: ${thrown.message}. Choose another folder`,
      { cause: thrown },
    );
  });
  if (names.length > 0 && !names.includes(MANIFEST_FILE)) {
    throw new SideglanceError(
      'SG_STORAGE',
      `${folder} exists and is not a model bundle, so it is not overwritten. Choose another folder`,
    );
  }
}

async function moveInPlace(staged: string, target: string): Promise<void> {
  const present = await stat(target).then(
    () => true,
    () => false,
  );
  if (!present) {
    await rename(staged, target);
  } else if (exchange(staged, target)) {
    await rm(staged, { recursive: true, force: true });
  } else {
    // A file system that cannot exchange two names: for a moment there is no bundle, never half a one.
    const old = `${target}.old`;
    await rm(old, { recursive: true, force: true });
    await rename(target, old);
    await rename(staged, target);
    await rm(old, { recursive: true, force: true });
  }
  await syncFolder(dirname(target));
}

async function writeSynced(folder: string, path: string, bytes: Uint8Array): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncFolder(dirname(file));
}
