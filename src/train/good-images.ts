import { SideglanceError } from '../errors.js';
import { trainingImages } from '../evaluate/dataset.js';
import { decodeImage } from '../image/decode.js';
import { resampleToRgb } from '../image/resample.js';
import type { Random } from '../random.js';
import { LOCAL_NET } from './networks/local-net.js';
import type { GoodImage } from './strange-images.js';

export const GOOD_IMAGES = {
  least: 20,
  /** Share that is held out of training, to normalise and to calibrate. */
  heldOutShare: 0.2,
  /** Largest difference of an image's aspect ratio from that of the others. */
  aspectTolerance: 0.05,
  /** Fewest cells on a side: below, nothing is left around a patch. */
  leastCells: 12,
} as const;

export interface GoodImages {
  readonly width: number;
  readonly height: number;
  readonly training: readonly GoodImage[];
  readonly heldOut: readonly GoodImage[];
  readonly skipped: readonly { readonly file: string; readonly reason: string }[];
}

/**
 * Reads the good images of a folder (or of `train/good` in it, when it is an MVTec category) scaled to one region size
 * of about `size`² pixels that keeps their aspect ratio, and splits them into training and held-out ones.
 *
 * @throws SideglanceError `SG_DATASET_INVALID` when there is no such folder or no image in it, `SG_TOO_FEW_IMAGES`,
 * `SG_IMAGE_UNREADABLE` when none can be decoded
 */
export async function readGoodImages(
  folder: string,
  size: number,
  random: Random,
  signal?: AbortSignal,
): Promise<GoodImages> {
  const files = await trainingImages(folder);
  if (files.length === 0) {
    throw new SideglanceError(
      'SG_DATASET_INVALID',
      `${folder} holds no images: give a folder of pictures of good parts`,
    );
  }
  requireEnough(files.length, folder);
  const rasters: GoodImage[] = [];
  const skipped: { file: string; reason: string }[] = [];
  let region: { width: number; height: number } | null = null;
  let aspect = 1;
  for (const file of files) {
    signal?.throwIfAborted();
    try {
      const picture = await decodeImage(file, file);
      if (region === null) {
        aspect = picture.width / picture.height;
        region = regionSize(picture.width, picture.height, size);
      }
      if (Math.abs(picture.width / picture.height / aspect - 1) > GOOD_IMAGES.aspectTolerance) {
        skipped.push({ file, reason: `its shape ${picture.width} × ${picture.height} differs from the first image's` });
        continue;
      }
      const data = new Uint8Array(region.width * region.height * 3);
      resampleToRgb(picture, { x: 0, y: 0, width: picture.width, height: picture.height }, { ...region, data });
      rasters.push({ ...region, data, file });
    } catch (error) {
      if (!(error instanceof SideglanceError)) throw error;
      skipped.push({ file, reason: error.message });
    }
  }
  if (region === null || rasters.length === 0) {
    throw new SideglanceError(
      'SG_IMAGE_UNREADABLE',
      `none of the ${files.length} images in ${folder} can be read: ${skipped[0]?.reason}`,
    );
  }
  requireEnough(rasters.length, folder);
  const order = random.permutation(rasters.length);
  const heldOutCount = Math.max(4, Math.round(rasters.length * GOOD_IMAGES.heldOutShare));
  const picked = (indices: number[]) => indices.map((index) => rasters[index] as GoodImage);
  return {
    ...region,
    training: picked(order.slice(heldOutCount)),
    heldOut: picked(order.slice(0, heldOutCount)),
    skipped,
  };
}

/**
 * Sides that are multiples of the stride, with about `size`² pixels and, of those within a tenth of that area, the ones
 * that keep the image's aspect ratio best.
 */
export function regionSize(width: number, height: number, size: number): { width: number; height: number } {
  const { stride } = LOCAL_NET;
  const aspect = width / height;
  const rounded = Math.round((size * Math.sqrt(aspect)) / stride);
  const candidates = [-2, -1, 0, 1, 2].map((step) => {
    const columns = Math.max(GOOD_IMAGES.leastCells, rounded + step);
    return { columns, rows: Math.max(GOOD_IMAGES.leastCells, Math.round(columns / aspect)) };
  });
  const fault = ({ columns, rows }: { columns: number; rows: number }) => {
    const area = Math.abs(Math.log((columns * rows * stride ** 2) / size ** 2));
    return Math.abs(Math.log(columns / rows / aspect)) + 0.01 * area + Math.max(0, area - 0.1);
  };
  const best = candidates.reduce((a, b) => (fault(b) < fault(a) ? b : a));
  return { width: best.columns * stride, height: best.rows * stride };
}

function requireEnough(count: number, folder: string): void {
  if (count >= GOOD_IMAGES.least) return;
  throw new SideglanceError(
    'SG_TOO_FEW_IMAGES',
    `${folder} holds ${count} usable images; training needs at least ${GOOD_IMAGES.least} pictures of good parts, 100 or more are better`,
  );
}
