import type { Random } from '../../src/random.js';
import { type GoodImages, readGoodImages } from '../../src/train/good-images.js';
import type { Raster } from '../../src/train/raster.js';

/**
 * The good images of a category as regions of one size, in random order. A baseline has nothing to calibrate, so it
 * learns from the held-out ones too. Where parts lie anywhere they are in one pose, as for the method of the project, and
 * `locate` brings those of the test into it.
 * @throws SideglanceError as `readGoodImages`
 */
export async function readGoodRegions(folder: string, size: number, random: Random): Promise<GoodRegions> {
  const { training, heldOut, ...good } = await readGoodImages(folder, size, random);
  return { ...good, images: [...training, ...heldOut] };
}

export interface GoodRegions extends Omit<GoodImages, 'training' | 'heldOut'> {
  readonly images: readonly Raster[];
}
