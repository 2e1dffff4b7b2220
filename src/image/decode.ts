import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { reasonOf, SideglanceError } from '../errors.js';
import type { Picture } from '../types.js';
import { decodeBmp, isBmp } from './bmp.js';
import { sharp } from './sharp.js';

/** File name extensions that are taken for images, in lower case. */
export const IMAGE_EXTENSIONS: ReadonlySet<string> = new Set([
  '.png',
  '.jpg',
  '.jpeg',
  '.bmp',
  '.tif',
  '.tiff',
  '.webp',
]);

const naturally = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/**
 * Decodes an image file (or its bytes) to RGB, the way a camera pipeline delivers pixels:
 * - the stored values as they are: no colour profile is applied (GStreamer's decoders apply none either);
 * - the stored orientation: an EXIF rotation is not applied, so regions mean the same pixels everywhere;
 * - grey becomes equal red, green and blue; 16 bits become the upper 8; an alpha channel is dropped, not blended,
 *   as `videoconvert` does;
 * - the first page of a file with several.
 *
 * Damage counts: a truncated or corrupt file is an error, never a half grey picture.
 *
 * @param name what the message calls bytes that come without a path.
 * @throws SideglanceError `SG_IMAGE_UNREADABLE`, naming the file.
 */
export async function decodeImage(source: string | Uint8Array, name = 'image'): Promise<Picture> {
  const label = typeof source === 'string' ? source : name;
  try {
    const bytes = typeof source === 'string' ? await readFile(source) : source;
    if (isBmp(bytes)) return decodeBmp(bytes);
    const { data, info } = await sharp(bytes, { failOn: 'warning', ignoreIcc: true })
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new Error(`it decodes to ${info.channels} channels instead of 3`);
    return { width: info.width, height: info.height, stride: info.width * 3, format: 'RGB', data };
  } catch (cause) {
    throw new SideglanceError(
      'SG_IMAGE_UNREADABLE',
      `${label} cannot be decoded: ${reasonOf(cause)}; replace the file or remove it`,
      { cause },
    );
  }
}

/**
 * The paths of the image files directly inside a folder, by extension, in natural order (`part2` before `part10`).
 * Hidden files are left out. An empty list is not an error here.
 * @throws SideglanceError `SG_DATASET_INVALID` where the folder cannot be read.
 */
export async function listImages(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => entry.name)
      .filter((name) => IMAGE_EXTENSIONS.has(extname(name).toLowerCase()))
      .sort(inNaturalOrder)
      .map((name) => join(folder, name));
  } catch (cause) {
    throw new SideglanceError('SG_DATASET_INVALID', `the image folder ${folder} cannot be read: ${reasonOf(cause)}`, {
      cause,
    });
  }
}

/** Natural order with a fixed tie-break, so that a listing is the same on every machine. */
export function inNaturalOrder(a: string, b: string): number {
  return naturally.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}
