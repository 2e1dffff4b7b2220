import { createHash } from 'node:crypto';
import { mkdir, open, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { reasonOf, SideglanceError } from '../../errors.js';
import { headFiles } from '../bundle/pack.js';
import type { BundleSource, ListedFile } from '../bundle/source.js';
import { checkDigest, checkGraph, isGraph, type VerifiedBundle } from '../bundle/verify.js';
import { syncFolder } from '../sync.js';

export const STAGE_LIMITS = {
  /** Left free for everything else on the disk. */
  reserveBytes: 64 * 1024 * 1024,
} as const;

/** @param freeBytes for tests @throws SideglanceError `SG_BUNDLE_DISK_FULL` */
export async function checkSpace(folder: string, bytes: number, freeBytes?: number): Promise<void> {
  const free = freeBytes ?? (await freeBytesIn(folder));
  if (free >= bytes + STAGE_LIMITS.reserveBytes) return;
  throw new SideglanceError(
    'SG_BUNDLE_DISK_FULL',
    `the bundle needs ${bytes} bytes, ${free} are free in ${folder} and ${STAGE_LIMITS.reserveBytes} of them stay so. Free some space`,
  );
}

async function freeBytesIn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/**
 * Writes a bundle into a new folder: each file is digested while it is written, every byte and every name is on disk at the
 * end, and no network is there that may not be loaded. What is left after a failure is garbage.
 *
 * @param onBytes how many bytes of the listed files were written so far
 * @throws SideglanceError `SG_BUNDLE_DISK_FULL`, `SG_STORAGE`; as `verifyFiles`; what `signal` was aborted with
 */
export async function stage(
  folder: string,
  source: BundleSource,
  { head, manifest }: VerifiedBundle,
  { onBytes, signal }: { readonly onBytes?: (bytes: number) => void; readonly signal?: AbortSignal } = {},
): Promise<void> {
  const folders = new Set([folder]);
  await mkdir(folder, { recursive: true });
  let written = 0;
  for await (const listed of source.files(manifest.files)) {
    signal?.throwIfAborted();
    const path = join(folder, listed.file.path);
    for (let parent = dirname(path); !folders.has(parent); parent = dirname(parent)) folders.add(parent);
    await mkdir(dirname(path), { recursive: true });
    await writeListed(path, listed, source.name, (bytes) => {
      signal?.throwIfAborted();
      written += bytes;
      onBytes?.(written);
    });
  }
  for (const [name, bytes] of headFiles(head)) await writeNew(join(folder, name), bytes);
  for (const each of folders) await syncFolder(each);
}

async function writeListed(
  path: string,
  { file, chunks }: ListedFile,
  where: string,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const graph: Uint8Array[] | null = isGraph(file.path) ? [] : null;
  const hash = createHash('sha256');
  let size = 0;
  await write(path, async (put) => {
    for await (const chunk of chunks) {
      size += chunk.byteLength;
      // A file that grows while it is read is not the one that was signed, and could fill the disk.
      if (size > file.size) break;
      hash.update(chunk);
      graph?.push(chunk);
      await put(chunk);
      onBytes(chunk.byteLength);
    }
  });
  checkDigest(file, size > file.size ? 'longer' : hash.digest('hex'), where);
  if (graph !== null) checkGraph(Buffer.concat(graph), `${file.path} of ${where}`);
}

/** @throws SideglanceError `SG_BUNDLE_DISK_FULL`, `SG_STORAGE` */
export function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  return write(path, (put) => put(bytes));
}

async function write(path: string, fill: (put: (bytes: Uint8Array) => Promise<void>) => Promise<void>): Promise<void> {
  const file = await guarded(path, () => open(path, 'wx'));
  try {
    await fill((bytes) => guarded(path, () => file.writeFile(bytes)));
    await guarded(path, () => file.sync());
  } finally {
    await file.close();
  }
}

/** Only what is written here is a fault of this disk; what comes from the source keeps its own reason. */
async function guarded<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    const full = ['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException).code ?? '');
    throw new SideglanceError(
      full ? 'SG_BUNDLE_DISK_FULL' : 'SG_STORAGE',
      `${path} cannot be written: ${reasonOf(cause)}. ${full ? 'Free some space' : 'See to the folder of `models.store`'}`,
      { cause },
    );
  }
}
