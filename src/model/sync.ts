import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** A name is on disk only when its folder is. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces a file so that, whatever happens, it is either what it was or the whole contents, on disk. */
export async function replaceFile(path: string, contents: string | Uint8Array, mode = 0o644): Promise<void> {
  const folder = dirname(path);
  const staged = join(folder, `.${basename(path)}.${process.pid}.partial`);
  try {
    const handle = await open(staged, 'w', mode);
    try {
      await handle.writeFile(contents);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(staged, path);
  } catch (thrown) {
    await rm(staged, { force: true });
    throw thrown;
  }
  await syncFolder(folder);
}
