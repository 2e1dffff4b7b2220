import { packPixels } from '../image/pixels.js';
import { sharp } from '../image/sharp.js';
import type { AnomalyMap, Attachment, Picture } from '../types.js';
import { encodeGreyPng } from './png.js';

/** JPEG quality of published frames: artefacts stay below sensor noise, a frame of 1280×1024 takes 200 to 400 kB. */
const FRAME_QUALITY = 90;

/** The scores that grey 0 and grey 255 stand for. */
export interface ScoreRange {
  readonly min: number;
  readonly max: number;
}

/**
 * An anomaly map as 8-bit grey PNG at the resolution of its grid: score = offset + grey × scale.
 *
 * Scores outside the range are clamped to it; a score that is not a number becomes 255, because what cannot be judged
 * must not look good. The range, the region and the geometry of the map also stand in the PNG's text chunks
 * (`sideglance.*`).
 */
export async function encodeMap(map: AnomalyMap, region: string, range: ScoreRange): Promise<Attachment> {
  const { rows, columns, values } = map;
  const offset = range.min;
  // A flat range still needs a scale that can be divided by.
  const scale = range.max > range.min ? (range.max - range.min) / 255 : 1 / 255;
  const grey = new Uint8Array(rows * columns);
  for (let i = 0; i < grey.length; i++) {
    const value = values[i]!;
    grey[i] = Number.isNaN(value) ? 255 : Math.min(255, Math.max(0, Math.round((value - offset) / scale)));
  }
  const bytes = await encodeGreyPng(columns, rows, grey, {
    'sideglance.region': region,
    'sideglance.score': `${offset} + grey * ${scale}`,
    'sideglance.geometry': `${map.cell} pixels a cell, model input ${map.inputWidth}x${map.inputHeight}`,
  });
  return {
    kind: 'map',
    region,
    mediaType: 'image/png',
    bytes,
    scale: { offset, scale },
    width: columns,
    height: rows,
  };
}

/**
 * A whole frame as JPEG. The pixels are copied before this returns its promise: the camera may reuse the frame's
 * memory while the encoder works.
 * @throws SideglanceError `SG_FRAME_FORMAT` where the picture does not hold what it says.
 */
export async function encodeFrame(picture: Picture): Promise<Attachment> {
  const { width, height, channels, data } = packPixels(picture);
  const own = data.buffer === picture.data.buffer ? data.slice() : data;
  const bytes = await sharp(own, { raw: { width, height, channels } })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .jpeg({ quality: FRAME_QUALITY })
    .toBuffer();
  return { kind: 'frame', region: null, mediaType: 'image/jpeg', bytes, scale: null, width, height };
}
