import type { Random } from '../../src/random.js';
import { type GoodImages, readGoodImages } from '../../src/train/good-images.js';
import type { Raster } from '../../src/train/raster.js';

/**
 * The good images of a category as regions of one size, in random order. A baseline has nothing to calibrate, so it
 * learns from the held-out ones too.
 * @throws SideglanceError as `readGoodImages`
 */
export async function readGoodRegions(folder: string, size: number, random: Random): Promise<GoodRegions> {
  const { width, height, training, heldOut, skipped } = await readGoodImages(folder, size, random);
  return { width, height, images: [...training, ...heldOut], skipped };
}

export interface GoodRegions extends Pick<GoodImages, 'width' | 'height' | 'skipped'> {
  readonly images: readonly Raster[];
}
