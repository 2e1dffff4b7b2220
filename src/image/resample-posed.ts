import type { Box, Picture } from '../types.js';
import { layoutOf } from './pixels.js';
import type { RgbTarget } from './resample.js';

interface Size {
  readonly width: number;
  readonly height: number;
}

/** A turned window into a box. All lengths are in pixels of a grid of `frame` pixels that is laid over the box. */
export interface View {
  readonly frame: Size;
  /** The window's sides. */
  readonly window: Size;
  /** Its centre, from the box's top left corner. */
  readonly x: number;
  readonly y: number;
  /** In radians, clockwise as one looks at the picture. */
  readonly turn: number;
}

/**
 * Samples a picture as {@link resampleToRgb} does, but through a turned window. Bilinear; when shrinking, each target pixel
 * is the mean of about as many places as it covers source pixels, which for upright windows and whole factors is the exact area average.
 * Outside the frame its edge goes on; outside the box, the frame does.
 *
 * @throws SideglanceError as `resampleToRgb`
 */
export function resamplePosed(
  picture: Picture,
  box: Box & { readonly name?: string },
  view: View,
  target: RgbTarget,
): void {
  const { width, height, data: out } = target;
  const { bytes, red, green, blue } = layoutOf(picture);
  const { data: source, stride } = picture;
  const { xAt, yAt, downX, downY, acrossX, acrossY, places } = planOf(box, view, target);
  const [lastX, lastY] = [picture.width - 1, picture.height - 1];
  const [placesX, placesY] = places;
  const count = placesX.length;
  const grey = bytes === 1;
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at += 3) {
      const middleX = xAt + row * downX + column * acrossX;
      const middleY = yAt + row * downY + column * acrossY;
      let r = 0;
      let g = 0;
      let b = 0;
      for (let place = 0; place < count; place++) {
        const fromX = middleX + placesX[place]!;
        const fromY = middleY + placesY[place]!;
        const atX = fromX < 0 ? 0 : fromX > lastX ? lastX : fromX;
        const atY = fromY < 0 ? 0 : fromY > lastY ? lastY : fromY;
        const left = atX | 0;
        const top = atY | 0;
        const right = atX - left;
        const down = atY - top;
        const upper = top * stride + left * bytes;
        const next = left < lastX ? bytes : 0;
        const lower = top < lastY ? upper + stride : upper;
        const lowerRight = right * down;
        const upperRight = right - lowerRight;
        const lowerLeft = down - lowerRight;
        const upperLeft = 1 - right - lowerLeft;
        r +=
          upperLeft * source[upper + red]! +
          upperRight * source[upper + next + red]! +
          lowerLeft * source[lower + red]! +
          lowerRight * source[lower + next + red]!;
        if (grey) continue;
        g +=
          upperLeft * source[upper + green]! +
          upperRight * source[upper + next + green]! +
          lowerLeft * source[lower + green]! +
          lowerRight * source[lower + next + green]!;
        b +=
          upperLeft * source[upper + blue]! +
          upperRight * source[upper + next + blue]! +
          lowerLeft * source[lower + blue]! +
          lowerRight * source[lower + next + blue]!;
      }
      out[at] = r / count + 0.5;
      out[at + 1] = (grey ? r : g) / count + 0.5;
      out[at + 2] = (grey ? r : b) / count + 0.5;
    }
  }
}

/** By so much more than a pixel places may lie apart, summed over a target pixel's side. */
const FARTHER = 0.25;

/** Where target pixels lie in the picture, as steps of frame pixels from the first one's centre. */
function planOf(box: Box, { frame, window, turn, x, y }: View, { width, height }: RgbTarget) {
  const [scaleX, scaleY] = [box.width / frame.width, box.height / frame.height];
  const [stepX, stepY] = [window.width / width, window.height / height];
  const [cosine, sine] = [Math.cos(turn), Math.sin(turn)];
  const [acrossX, acrossY] = [scaleX * stepX * cosine, scaleY * stepX * sine];
  const [downX, downY] = [-scaleX * stepY * sine, scaleY * stepY * cosine];
  const xAt = box.x + scaleX * x - 0.5 + ((1 - width) / 2) * acrossX + ((1 - height) / 2) * downX;
  const yAt = box.y + scaleY * y - 0.5 + ((1 - width) / 2) * acrossY + ((1 - height) / 2) * downY;
  // As many places along each side of a target pixel as it covers frame pixels, or a little fewer: each takes in two anyway.
  const side = Math.max(1, Math.ceil(Math.max(scaleX * stepX, scaleY * stepY) - FARTHER));
  const offsets = Array.from({ length: side * side }, (_, i) => {
    const [across, down] = [((i % side) + 0.5) / side - 0.5, (Math.floor(i / side) + 0.5) / side - 0.5];
    return { x: across * acrossX + down * downX, y: across * acrossY + down * downY };
  });
  const places = [Float64Array.from(offsets, (one) => one.x), Float64Array.from(offsets, (one) => one.y)] as const;
  return { xAt, yAt, acrossX, acrossY, downX, downY, places };
}
