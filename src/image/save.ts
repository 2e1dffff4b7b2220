import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { reasonOf, SideglanceError } from '../errors.js';
import type { Picture } from '../types.js';
import { packPixels } from './pixels.js';
import { sharp } from './sharp.js';

/** The bytes of a PNG file of the picture: grey stays grey, colour is RGB; nothing is lost. */
export async function pngOf(picture: Picture): Promise<Uint8Array> {
  const { width, height, channels, data } = packPixels(picture);
  const image = sharp(data, { raw: { width, height, channels } });
  return image
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png({ compressionLevel: 6 })
    .toBuffer();
}

/**
 * Writes a picture as PNG and makes the folders on the way.
 * @throws SideglanceError `SG_STORAGE`, naming the file.
 */
export async function writePng(path: string, picture: Picture): Promise<void> {
  const bytes = await pngOf(picture);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  } catch (cause) {
    throw new SideglanceError('SG_STORAGE', `${path} cannot be written: ${reasonOf(cause)}`, { cause });
  }
}
