import type { FileHandle } from 'node:fs/promises';

/** The system reads 2 GiB at most at a time. */
const PIECE_BYTES = 2 ** 30;

/**
 * The first bytes of a file, fewer where it ends before. A large one is read in one go into its place, where `readFile` comes back
 * to the event loop for each half megabyte, and copies all of it in the end.
 */
export async function readBytes(file: FileHandle, count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  let filled = 0;
  while (filled < count) {
    const { bytesRead } = await file.read(bytes, filled, Math.min(PIECE_BYTES, count - filled), filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
