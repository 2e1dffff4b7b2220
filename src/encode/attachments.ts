import { packPixels } from '../image/pixels.js';
import { sharp } from '../image/sharp.js';
import type { Attachment, Picture } from '../types.js';
import { type Judged, renderOverlayJpeg } from './overlay.js';

/** JPEG quality of published frames: artefacts stay below sensor noise, a frame of 1280×1024 takes 200 to 400 kB. */
const FRAME_QUALITY = 90;
/** The longer side of the part on an overlay, in pixels, where nothing else is asked for. */
const OVERLAY_SIDE = 768;

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
  return { kind: 'frame', form: null, ...WHOLE_FRAME, bytes, width, height };
}

/**
 * A whole part with its maps over it, as JPEG for people: see `renderOverlay`. `picture` is read until this settles.
 *
 * @param maxSide the longer side of the part, in pixels, at most; small parts are enlarged to half of it or more.
 * @throws SideglanceError `SG_FRAME_FORMAT` where the picture does not hold what it says.
 */
export async function encodeOverlay(picture: Picture, judged: Judged, maxSide = OVERLAY_SIDE): Promise<Attachment> {
  // Twice as large at most, so what is enlarged stays below `maxSide`.
  const { bytes, width, height } = await renderOverlayJpeg(picture, judged, {
    minSide: Math.floor(maxSide / 2),
    maxSide,
  });
  return { kind: 'map', form: 'overlay', ...WHOLE_FRAME, bytes, width, height };
}

const WHOLE_FRAME = { region: null, mediaType: 'image/jpeg', scale: null, grid: null } as const;
