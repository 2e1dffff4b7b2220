import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { backgroundThread } from './native/background.js';

/** Takes about a millisecond. */
const PIECE_BYTES = 512 * 1024;

/** The SHA-256 of all parts together, taken without holding up the event loop. */
export async function sha256(...parts: readonly (Uint8Array | string)[]): Promise<Buffer> {
  const thread = backgroundThread();
  if (thread) return Buffer.from(await thread.digest(parts));
  const hash = createHash('sha256');
  for (const part of parts) {
    if (typeof part === 'string') hash.update(part);
    else {
      for (let at = 0; at < part.byteLength; at += PIECE_BYTES) {
        hash.update(part.subarray(at, at + PIECE_BYTES));
        await turn();
      }
    }
  }
  return hash.digest();
}
