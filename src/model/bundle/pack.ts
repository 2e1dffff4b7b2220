import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { reasonOf, SideglanceError } from '../../errors.js';
import { MANIFEST_FILE, type Manifest } from '../manifest.js';
import { syncFolder } from '../sync.js';
import { PERMISSION_FILE } from './permission.js';
import { type BundleHead, FolderSource } from './source.js';
import { TAR_END, tarHeader, tarPadding } from './tar.js';
import { checkDigest, readManifestBytes } from './verify.js';

/**
 * Packs a bundle's folder into an archive: manifest and signatures first, so that a reader can refuse it by them. The same
 * folder gives the same bytes. The archive appears whole or not at all.
 *
 * @throws SideglanceError as `FolderSource`, `readManifestBytes`; `SG_BUNDLE_DIGEST`; `SG_STORAGE` where the archive cannot be written
 */
export async function packBundle(
  folder: string,
  out: string,
): Promise<{ readonly manifest: Manifest; readonly signatures: number }> {
  const source = new FolderSource(folder);
  const head = await source.head();
  const { manifest } = readManifestBytes(head.manifest, folder, Number.POSITIVE_INFINITY);
  const target = resolve(out);
  const staged = join(dirname(target), `.${basename(target)}.${process.pid}.partial`);
  const file = await open(staged, 'w').catch((cause: unknown) => {
    throw unwritable(target, cause);
  });
  try {
    const write = (bytes: Uint8Array) =>
      file.writeFile(bytes).catch((cause: unknown) => {
        throw unwritable(target, cause);
      });
    for (const [path, bytes] of headFiles(head)) {
      await write(tarHeader({ path, size: bytes.byteLength }));
      await write(bytes);
      await write(tarPadding(bytes.byteLength));
    }
    for await (const { file: listed, chunks } of source.files(manifest.files)) {
      const hash = createHash('sha256');
      await write(tarHeader(listed));
      for await (const chunk of chunks) {
        hash.update(chunk);
        await write(chunk);
      }
      await write(tarPadding(listed.size));
      checkDigest(listed, hash.digest('hex'), folder);
    }
    await write(TAR_END);
    await file.sync();
    await file.close();
    await rename(staged, target);
    await syncFolder(dirname(target));
  } catch (thrown) {
    await file.close().catch(() => undefined);
    await rm(staged, { force: true });
    throw thrown instanceof SideglanceError ? thrown : unwritable(target, thrown);
  }
  return { manifest, signatures: head.signatures.length };
}

/** The files of a head, in their order in an archive. */
export function headFiles({ manifest, signatures, permission }: BundleHead): [path: string, bytes: Uint8Array][] {
  const signed = (path: string, bytes: Uint8Array, files: BundleHead['signatures']): [string, Uint8Array][] => [
    [path, bytes],
    ...files.map(({ name, text }): [string, Uint8Array] => [name, Buffer.from(text)]),
  ];
  return [
    ...signed(MANIFEST_FILE, manifest, signatures),
    ...(permission === null ? [] : signed(PERMISSION_FILE, permission.bytes, permission.signatures)),
  ];
}

function unwritable(target: string, cause: unknown): SideglanceError {
  return new SideglanceError(
    'SG_STORAGE',
    `the archive ${target} cannot be written: ${reasonOf(cause)}. Free some space or choose another folder`,
    { cause },
  );
}
