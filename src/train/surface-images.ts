import { SideglanceError } from '../errors.js';
import { resampleWindow } from '../image/resample.js';
import { modelPixels } from '../infer/tiling/surface.js';
import type { Random } from '../random.js';
import type { Box, Picture } from '../types.js';
import {
  GOOD_IMAGES,
  type GoodImages,
  imageFiles,
  type ReadOptions,
  requireEnough,
  storedImage,
} from './good-images.js';
import { LOCAL_NET } from './networks/local-net.js';
import { Pictures } from './pictures.js';
import { REGION_STORE_BYTES, RegionStore } from './region-store.js';
import type { GoodImage } from './strange-images.js';

export const SURFACE_IMAGES = {
  /** Longest side of a piece in pixels of the model: in a smaller one, Global-Net sees the border everywhere. */
  pieceSide: 512,
  /** Pieces that are cut from all images together, if there are fewer images. */
  pieces: 400,
  /** Share of the images that is held out to bring evidence to its scales, and fewest of them. */
  normalisingShare: 0.1,
  leastNormalising: 4,
  /** Share that is held out to calibrate: a score that asks the trained networks says nothing of images that they have seen. */
  calibratingShare: 0.4,
} as const;

export interface SurfaceReadOptions extends Pick<ReadOptions, 'signal' | 'memoryBytes'> {
  /** Frame pixels to a pixel of the model; 1, every pixel, when left out. */
  readonly scale?: number;
  /** In place of a scale: side of a square of as many pixels as a whole image has at it. */
  readonly size?: number;
}

/** Pieces of good images of a surface, and what the images are. */
export interface SurfaceImages extends GoodImages {
  /** Held out of everything that is trained, as `heldOut` is, to calibrate with. */
  readonly calibrating: readonly GoodImage[];
  /** A whole image, in pixels of the model. */
  readonly whole: Size;
  readonly scale: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * Reads good images of a surface without parts, of which pieces are cut at random places: position means nothing. About half
 * of the images are held out, with all of their pieces: each shows as much of a surface as many parts show of a part.
 *
 * @throws SideglanceError as `readGoodImages`, and `SG_DATASET_INVALID` for images that are too small at this scale
 */
export async function readSurfaceImages(
  folder: string,
  random: Random,
  options: SurfaceReadOptions = {},
): Promise<SurfaceImages> {
  const { signal, memoryBytes = REGION_STORE_BYTES } = options;
  const files = await imageFiles(folder);
  const store = new RegionStore(memoryBytes);
  const pictures = new Pictures(signal, 'size');
  try {
    const images: GoodImage[][] = [];
    const skipped: { file: string; reason: string }[] = [];
    let view: View | null = null;
    for (const file of files) {
      const read = await pictures.read(file);
      if ('reason' in read) {
        skipped.push({ file, reason: read.reason });
        continue;
      }
      view ??= viewOf(read.picture, options, files.length);
      const { piece, pieces, scale } = view;
      const cut = Array.from({ length: pieces }, () => cutPiece(read.picture, scale, piece, random));
      images.push(cut.map((data) => storedImage(file, piece, store.add(data))));
    }
    requireEnough(images.length, folder, skipped);
    const { piece, scale, whole } = view as View; // there are images
    const order = random.permutation(images.length);
    const { normalisingShare, leastNormalising, calibratingShare } = SURFACE_IMAGES;
    const normalising = Math.max(leastNormalising, Math.round(images.length * normalisingShare));
    const heldOut = normalising + Math.round(images.length * calibratingShare);
    const picked = (from: number, to?: number) =>
      order.slice(from, to).flatMap((index) => images[index] as GoodImage[]);
    return {
      ...piece,
      training: picked(heldOut),
      heldOut: picked(0, normalising),
      calibrating: picked(normalising, heldOut),
      skipped,
      locate: null,
      learnt: null,
      whole,
      scale,
      close: () => store.close(),
    };
  } catch (thrown) {
    store.close();
    throw thrown;
  }
}

/** How images are looked at. */
interface View {
  readonly scale: number;
  readonly whole: Size;
  readonly piece: Size;
  /** Of each image. */
  readonly pieces: number;
}

function viewOf(picture: Size, { scale: given, size }: SurfaceReadOptions, count: number): View {
  const scale = given ?? (size === undefined ? 1 : Math.sqrt(picture.width * picture.height) / size);
  const whole = modelPixels(picture, scale);
  const { stride } = LOCAL_NET;
  const side = (length: number) => stride * Math.floor(Math.min(length, SURFACE_IMAGES.pieceSide) / stride);
  const piece = { width: side(whole.width), height: side(whole.height) };
  const least = GOOD_IMAGES.leastCells * stride;
  if (Math.min(piece.width, piece.height) < least) {
    throw new SideglanceError(
      'SG_DATASET_INVALID',
      `the images of ${picture.width}×${picture.height} are ${whole.width}×${whole.height} pixels at the scale ${scale.toFixed(2)}, ` +
        `but ${least}×${least} are the least. Give larger images, or a smaller --scale`,
    );
  }
  const most = Math.ceil((whole.width * whole.height) / (piece.width * piece.height));
  const pieces = Math.max(1, Math.min(most, Math.round(SURFACE_IMAGES.pieces / count)));
  return { scale, whole, piece, pieces };
}

function cutPiece(picture: Picture, scale: number, piece: Size, random: Random): Uint8Array {
  const whole = modelPixels(picture, scale);
  const data = new Uint8Array(3 * piece.width * piece.height);
  const box: Box = {
    x: random.below(Math.max(1, whole.width - piece.width + 1)),
    y: random.below(Math.max(1, whole.height - piece.height + 1)),
    ...piece,
  };
  const frame = { x: 0, y: 0, width: picture.width, height: picture.height };
  resampleWindow(picture, frame, whole, { ...box, data, offset: 0, pitch: 3 * piece.width });
  return data;
}
