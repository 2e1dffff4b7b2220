import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import sharp from 'sharp';

/** Writes a picture of one grey level, which is its score, times 255, for the brightness bundle. */
export async function writeGrey(path: string, level: number, side = 64): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const background = { r: level, g: level, b: level };
  await sharp({ create: { width: side, height: side, channels: 3, background } })
    .png()
    .toFile(path);
}
