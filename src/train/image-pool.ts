import { SideglanceError } from '../errors.js';
import { decodeImage } from '../image/decode.js';
import { resampleToRgb } from '../image/resample.js';
import type { Raster } from './raster.js';

/** Reads an image file and scales the whole of it to one size: the same path as at inspection. */
export async function readRaster(file: string, width: number, height: number): Promise<Raster> {
  const picture = await decodeImage(file, file);
  const data = new Uint8Array(width * height * 3);
  resampleToRgb(picture, { x: 0, y: 0, width: picture.width, height: picture.height }, { width, height, data });
  return { width, height, data };
}

export interface PoolResult {
  readonly rasters: readonly Raster[];
  /** Index in `files` of each raster. */
  readonly kept: readonly number[];
  /** Files that could not be decoded, with the reason; they are left out. */
  readonly skipped: readonly { readonly file: string; readonly reason: string }[];
}

/** Reads all images, at one size. Unreadable ones are skipped and named. */
export async function readPool(
  files: readonly string[],
  width: number,
  height: number,
  signal?: AbortSignal,
): Promise<PoolResult> {
  const rasters: Raster[] = [];
  const kept: number[] = [];
  const skipped: { file: string; reason: string }[] = [];
  for (const [index, file] of files.entries()) {
    signal?.throwIfAborted();
    try {
      rasters.push(await readRaster(file, width, height));
      kept.push(index);
    } catch (error) {
      if (!(error instanceof SideglanceError)) throw error;
      skipped.push({ file, reason: error.message });
    }
  }
  return { rasters, kept, skipped };
}
