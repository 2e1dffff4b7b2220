import { createHash } from 'node:crypto';
import { sharp } from '../image/sharp.js';
import { encodeGreyPng, greyPngText } from './png.js';

/** A picture that was made smaller so that it fits. */
export interface SmallerPicture {
  readonly bytes: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** For an anomaly map: each cell stands for so many by so many cells, and is the hottest of them. Null for other pictures. */
  readonly pooled: number | null;
  /** SHA-256 of the picture that it was made from, in hex. It stands in the picture as well. */
  readonly originalSha256: string;
}

const LIMITS = {
  /** Of frames; below, nothing can be made out. */
  smallestEdge: 16,
  /** A JPEG of less quality than frames have otherwise: that saves more bytes than pixels would. */
  quality: 75,
} as const;

/**
 * Makes a picture smaller until it has at most so many bytes. An anomaly map (8-bit grey PNG) keeps the hottest of the cells
 * that become one, so no defect vanishes; any other PNG or JPEG of 8 bits is resampled.
 *
 * @returns null where it cannot be made as small, or is no such picture
 */
export async function shrinkPicture(
  mediaType: string,
  bytes: Uint8Array,
  maxBytes: number,
): Promise<SmallerPicture | null> {
  if (mediaType !== 'image/png' && mediaType !== 'image/jpeg') return null;
  const originalSha256 = createHash('sha256').update(bytes).digest('hex');
  const { space, depth, hasAlpha } = await sharp(bytes).metadata();
  // Of 16 bits a value would be rounded to 8, and mean something else than the scale that goes with it.
  if (depth !== 'uchar') return null;
  const isMap = mediaType === 'image/png' && space === 'b-w' && hasAlpha === false;
  return isMap ? shrinkMap(bytes, maxBytes, originalSha256) : shrinkFrame(mediaType, bytes, maxBytes, originalSha256);
}

async function shrinkMap(bytes: Uint8Array, maxBytes: number, originalSha256: string): Promise<SmallerPicture | null> {
  const { data, info } = await sharp(bytes).toColourspace('b-w').raw().toBuffer({ resolveWithObject: true });
  const text = { ...greyPngText(bytes), 'sideglance.original': originalSha256 };
  const most = Math.max(info.width, info.height);
  for (let pooled = firstFactor(bytes, maxBytes); pooled < 2 * most; pooled = Math.ceil(pooled * 1.25)) {
    const { width, height, pixels } = poolHottest(data, info.width, info.height, pooled);
    const png = await encodeGreyPng(width, height, pixels, { ...text, ...geometryOf(text, pooled) });
    if (png.byteLength <= maxBytes) return { bytes: png, width, height, pooled, originalSha256 };
  }
  return null;
}

/** Cell (r, c) is the hottest of the cells from (r × factor, c × factor) on, factor × factor of them where there are as many. */
function poolHottest(cells: Uint8Array, columns: number, rows: number, factor: number) {
  const width = Math.ceil(columns / factor);
  const height = Math.ceil(rows / factor);
  const pixels = new Uint8Array(width * height);
  for (let row = 0; row < rows; row++) {
    const to = Math.floor(row / factor) * width;
    for (let column = 0; column < columns; column++) {
      const at = to + Math.floor(column / factor);
      pixels[at] = Math.max(pixels[at]!, cells[row * columns + column]!);
    }
  }
  return { width, height, pixels };
}

/** `encodeMap` begins this text with the edge of a cell, in pixels. */
function geometryOf(text: Readonly<Record<string, string>>, pooled: number): Record<string, string> {
  const geometry = /^([\d.]+)( pixels a cell.*)$/.exec(text['sideglance.geometry'] ?? '');
  return geometry === null ? {} : { 'sideglance.geometry': `${Number(geometry[1]) * pooled}${geometry[2]}` };
}

async function shrinkFrame(
  mediaType: string,
  bytes: Uint8Array,
  maxBytes: number,
  originalSha256: string,
): Promise<SmallerPicture | null> {
  const { width = 0, height = 0 } = await sharp(bytes).metadata();
  for (let factor = Math.max(1, Math.sqrt(bytes.byteLength / maxBytes)); ; factor *= 1.25) {
    const size = { width: Math.floor(width / factor), height: Math.floor(height / factor) };
    if (Math.min(size.width, size.height) < LIMITS.smallestEdge) return null;
    const resized = sharp(bytes)
      .resize({ ...size, fit: 'fill' })
      .withExif({ IFD0: { ImageDescription: `sideglance.original ${originalSha256}` } });
    const encoded = mediaType === 'image/jpeg' ? resized.jpeg({ quality: LIMITS.quality }) : resized.png();
    const smaller = await encoded.toBuffer();
    if (smaller.byteLength <= maxBytes) return { bytes: smaller, ...size, pooled: null, originalSha256 };
  }
}

function firstFactor(bytes: Uint8Array, maxBytes: number): number {
  return Math.max(2, Math.floor(Math.sqrt(bytes.byteLength / Math.max(1, maxBytes))));
}
