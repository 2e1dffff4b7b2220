import { contourPath } from '../../encode/contour.js';
import { blendHeat, type HeatScale, heatScaleOf } from '../../encode/heat.js';
import { packPixels } from '../../image/pixels.js';
import { sharp } from '../../image/sharp.js';
import type { Picture, RegionResult } from '../../types.js';
import type { Thumbnail } from './report.js';

export const THUMBNAIL = {
  /** Longer side in pixels; smaller images keep their size. Two hundred images make a page of 3 to 8 MB. */
  side: 240,
  /** WebP quality: artefacts stay out of sight. */
  quality: 80,
  /** Cells along the longer side in which the outline of the ground truth is traced. */
  truthCells: 120,
} as const;

/** One scale for all images, so that a colour means the same everywhere; up to 2.5 times as far as the map's threshold. */
export const GALLERY_SCALE: HeatScale = { top: 2.5, clipped: true, scoreOf: null };

/**
 * Draws an image small, without and with its anomaly map.
 * @param result of one region that is the whole picture.
 * @param mask 1 where a pixel is defective; null for a good image.
 */
export async function thumbnailOf(picture: Picture, result: RegionResult, mask: Uint8Array | null): Promise<Thumbnail> {
  const zoom = Math.min(1, THUMBNAIL.side / Math.max(picture.width, picture.height));
  const width = Math.max(1, Math.round(picture.width * zoom));
  const height = Math.max(1, Math.round(picture.height * zoom));
  const { channels, data, ...size } = packPixels(picture);
  const small = await sharp(data, { raw: { ...size, channels } })
    .resize(width, height, { fit: 'fill' })
    .toColourspace('srgb')
    .raw()
    .toBuffer();
  const heat = { width, height, data: new Uint8Array(small) };
  for (const region of heatScaleOf([result]).regions) {
    blendHeat(heat, region, { left: 0, top: 0, width, height }, GALLERY_SCALE);
  }
  return {
    width,
    height,
    picture: await webpOf(small, width, height),
    heat: await webpOf(heat.data, width, height),
    truth: mask === null ? '' : outlineOf(mask, picture, width, height),
  };
}

function webpOf(data: Uint8Array, width: number, height: number): Promise<Uint8Array> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .webp({ quality: THUMBNAIL.quality })
    .toBuffer();
}

/** The outline of a mask. A cell belongs to it where any of its pixels does: thin scratches remain. */
function outlineOf(mask: Uint8Array, picture: Picture, width: number, height: number): string {
  const cell = Math.max(1, Math.max(picture.width, picture.height) / THUMBNAIL.truthCells);
  // An empty rim closes the outline where the mask touches the edge.
  const columns = Math.ceil(picture.width / cell) + 2;
  const rows = Math.ceil(picture.height / cell) + 2;
  const cells = new Float32Array(columns * rows);
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < picture.width; x++) {
      if (mask[y * picture.width + x] === 0) continue;
      cells[(Math.floor(y / cell) + 1) * columns + Math.floor(x / cell) + 1] = 1;
    }
  }
  const stepX = (cell * width) / picture.width;
  const stepY = (cell * height) / picture.height;
  return contourPath(cells, columns, rows, 0.5, { left: -stepX, top: -stepY, stepX, stepY });
}
