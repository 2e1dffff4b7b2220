import { createHash } from 'node:crypto';
import { sharp } from '../image/sharp.js';
import { MAP_MEDIA_TYPES } from '../map-forms.js';
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
 * Makes a picture smaller until it has at most so many bytes. An anomaly map (grey PNG, or values in half precision) keeps the
 * hottest of the cells that become one, so no defect vanishes; any other PNG or JPEG is resampled.
 *
 * @returns null where it cannot be made as small, or is no such picture
 */
export async function shrinkPicture(
  mediaType: string,
  bytes: Uint8Array,
  maxBytes: number,
): Promise<SmallerPicture | null> {
  const originalSha256 = createHash('sha256').update(bytes).digest('hex');
  if (mediaType === MAP_MEDIA_TYPES.float16) return shrinkMap(valuesOf(bytes), bytes, maxBytes, originalSha256);
  if (mediaType !== 'image/png' && mediaType !== 'image/jpeg') return null;
  const { space, hasAlpha } = await sharp(bytes).metadata();
  const isMap = mediaType === 'image/png' && (space === 'b-w' || space === 'grey16') && hasAlpha === false;
  if (!isMap) return shrinkFrame(mediaType, bytes, maxBytes, originalSha256);
  return shrinkMap(await greysOf(bytes, originalSha256), bytes, maxBytes, originalSha256);
}

/** The cells of a map as they are stored, and how to store fewer of them. */
interface Cells {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint16Array;
  /** The hotter one of two. */
  readonly hotter: (a: number, b: number) => number;
  readonly encode: (
    width: number,
    height: number,
    cells: Uint8Array | Uint16Array,
    pooled: number,
  ) => Promise<Uint8Array> | Uint8Array;
}

async function shrinkMap(
  cells: Cells,
  { byteLength }: Uint8Array,
  maxBytes: number,
  originalSha256: string,
): Promise<SmallerPicture | null> {
  const most = Math.max(cells.width, cells.height);
  const first = Math.max(2, Math.floor(Math.sqrt(byteLength / Math.max(1, maxBytes))));
  for (let pooled = first; pooled < 2 * most; pooled = Math.ceil(pooled * 1.25)) {
    const { width, height, data } = poolHottest(cells, pooled);
    const smaller = await cells.encode(width, height, data, pooled);
    if (smaller.byteLength <= maxBytes) return { bytes: smaller, width, height, pooled, originalSha256 };
  }
  return null;
}

async function greysOf(bytes: Uint8Array, originalSha256: string): Promise<Cells> {
  const isDeep = (await sharp(bytes).metadata()).depth === 'ushort';
  const { data, info } = await sharp(bytes)
    .toColourspace(isDeep ? 'grey16' : 'b-w')
    .raw({ depth: isDeep ? 'ushort' : 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const text: Record<string, string> = { ...greyPngText(bytes), 'sideglance.original': originalSha256 };
  const cell = Number(text['sideglance.cell']);
  return {
    width: info.width,
    height: info.height,
    data: isDeep ? new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2) : data,
    hotter: Math.max,
    encode: (width, height, cells, pooled) =>
      encodeGreyPng(width, height, cells, {
        ...text,
        ...(Number.isFinite(cell) ? { 'sideglance.cell': String(cell * pooled) } : {}),
      }),
  };
}

/** Of the form `float16`; its header is that of `encodeMap`. */
function valuesOf(bytes: Uint8Array): Cells {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = view.getUint16(4, true);
  const data = Uint16Array.from({ length: (bytes.byteLength - headerBytes) / 2 }, (_, i) =>
    view.getUint16(headerBytes + 2 * i, true),
  );
  return {
    width: view.getUint16(8, true),
    height: view.getUint16(6, true),
    data,
    hotter: (a, b) => (rankOfHalf(a) >= rankOfHalf(b) ? a : b),
    encode(width, height, cells, pooled) {
      const smaller = new Uint8Array(headerBytes + 2 * cells.length);
      const written = new DataView(smaller.buffer);
      smaller.set(bytes.subarray(0, headerBytes));
      written.setUint16(6, height, true);
      written.setUint16(8, width, true);
      written.setFloat32(16, view.getFloat32(16, true) * pooled, true);
      cells.forEach((value, i) => {
        written.setUint16(headerBytes + 2 * i, value, true);
      });
      return smaller;
    },
  };
}

/** Orders halves by their bits; what is not a number ranks highest, for what cannot be judged must not look good. */
function rankOfHalf(bits: number): number {
  const size = bits & 0x7fff;
  return size > 0x7c00 || bits === size ? size : -size;
}

/** Cell (r, c) is the hottest of the cells from (r × factor, c × factor) on, factor × factor of them where there are as many. */
function poolHottest({ data, width: columns, height: rows, hotter }: Cells, factor: number) {
  const width = Math.ceil(columns / factor);
  const height = Math.ceil(rows / factor);
  const pooled = data instanceof Uint16Array ? new Uint16Array(width * height) : new Uint8Array(width * height);
  for (let row = 0; row < rows; row++) {
    const to = Math.floor(row / factor) * width;
    for (let column = 0; column < columns; column++) {
      const at = to + Math.floor(column / factor);
      const cell = data[row * columns + column]!;
      const isFirst = row % factor === 0 && column % factor === 0;
      pooled[at] = isFirst ? cell : hotter(pooled[at]!, cell);
    }
  }
  return { width, height, data: pooled };
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
