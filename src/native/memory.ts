import { C_LIBRARY } from './c-library.js';
import { loadLibrary, type NativeFunction } from './library.js';

let trim: NativeFunction<[pad: bigint], number> | null | undefined;

/**
 * Gives memory that native code has freed back to the system: glibc keeps it, and hands it out badly once something large has
 * come and gone a few times. Settles when that is done; does nothing where the C library has no such function.
 */
export async function giveBackMemory(): Promise<void> {
  if (trim === undefined) {
    const library = loadLibrary(C_LIBRARY);
    trim = library.offers('malloc_trim') ? library.declare('int malloc_trim(size_t pad)') : null;
  }
  await trim?.offThread(0n);
}
