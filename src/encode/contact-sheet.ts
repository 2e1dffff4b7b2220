import { mkdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import sharp from 'sharp';
import { reasonOf, SideglanceError } from '../errors.js';
import { fitText, svgText } from './text.js';

const SHEET = {
  thumbnail: 240,
  caption: 22,
  gap: 8,
  columns: 4,
  background: '#16181d',
  text: '#e6e6e6',
  textSize: 13,
} as const;

/**
 * Writes a PNG with a thumbnail of each image file, row by row, its name below.
 * @throws SideglanceError `SG_STORAGE` when the sheet cannot be written
 */
export async function writeContactSheet(path: string, files: readonly string[]): Promise<void> {
  if (files.length === 0) throw new RangeError('a contact sheet needs at least one image');
  const { thumbnail, caption, gap, background } = SHEET;
  const columns = Math.min(SHEET.columns, files.length);
  const rows = Math.ceil(files.length / columns);
  const [cellWidth, cellHeight] = [thumbnail + gap, thumbnail + caption + gap];
  const parts = await Promise.all(
    files.map(async (file, index) => {
      const [left, top] = [gap + (index % columns) * cellWidth, gap + Math.floor(index / columns) * cellHeight];
      const picture = await sharp(file).resize(thumbnail, thumbnail, { fit: 'contain', background }).png().toBuffer();
      return [
        { input: picture, left, top },
        { input: captionOf(basename(file)), left, top: top + thumbnail },
      ];
    }),
  );
  try {
    await mkdir(dirname(path), { recursive: true });
    await sharp({
      create: { width: gap + columns * cellWidth, height: gap + rows * cellHeight, channels: 3, background },
    })
      .composite(parts.flat())
      .png()
      .toFile(path);
  } catch (cause) {
    throw new SideglanceError('SG_STORAGE', `${path} cannot be written: ${reasonOf(cause)}`, { cause });
  }
}

function captionOf(name: string): Buffer {
  const { thumbnail, caption, text, textSize } = SHEET;
  const line = svgText(fitText(name, textSize, thumbnail - 4), 2, 15, textSize, text);
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${thumbnail}" height="${caption}">${line}</svg>`);
}
