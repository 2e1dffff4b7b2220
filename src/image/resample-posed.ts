import type { Box, Picture } from '../types.js';
import { layoutOf } from './pixels.js';
import { type RgbTarget, resampleWindow } from './resample.js';

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

/** Where target pixels lie in a picture, in steps of its pixels from the first one's centre. */
interface Grid {
  readonly xAt: number;
  readonly yAt: number;
  readonly acrossX: number;
  readonly acrossY: number;
  readonly downX: number;
  readonly downY: number;
}

/** By so much more than a pixel target pixels may lie apart: each takes in two anyway. */
const FARTHER = 0.25;

/** What a picture that has to shrink is shrunk to; as large as the largest so far. */
let shrunk = new Uint8Array(0);

/**
 * Samples a picture as {@link resampleToRgb} does, but through a turned window: first, where it shrinks, by that to as many pixels as
 * the target has for the same place, then bilinear. Outside the frame its edge goes on; outside the box, the frame does.
 *
 * @throws SideglanceError as `resampleToRgb`
 */
export function resamplePosed(
  picture: Picture,
  box: Box & { readonly name?: string },
  view: View,
  target: RgbTarget,
): void {
  const { bytes } = layoutOf(picture);
  const stepX = (box.width / view.frame.width) * (view.window.width / target.width);
  const stepY = (box.height / view.frame.height) * (view.window.height / target.height);
  const grid = gridOf(box, view, target);
  if (Math.max(stepX, stepY) <= 1 + FARTHER) {
    sample(picture, grid, target);
    return;
  }
  const size = {
    width: Math.max(1, Math.round(picture.width / stepX)),
    height: Math.max(1, Math.round(picture.height / stepY)),
  };
  const [scaleX, scaleY] = [size.width / picture.width, size.height / picture.height];
  const small = {
    xAt: (grid.xAt + 0.5) * scaleX - 0.5,
    yAt: (grid.yAt + 0.5) * scaleY - 0.5,
    acrossX: grid.acrossX * scaleX,
    acrossY: grid.acrossY * scaleY,
    downX: grid.downX * scaleX,
    downY: grid.downY * scaleY,
  };
  const [x, right] = span(small.xAt, small.acrossX * (target.width - 1), small.downX * (target.height - 1), size.width);
  const [y, bottom] = span(
    small.yAt,
    small.acrossY * (target.width - 1),
    small.downY * (target.height - 1),
    size.height,
  );
  const [width, height] = [right - x, bottom - y];
  if (shrunk.length < 3 * width * height) shrunk = new Uint8Array(3 * width * height);
  const frame = { x: 0, y: 0, width: picture.width, height: picture.height };
  resampleWindow(picture, frame, size, { x, y, width, height, data: shrunk, offset: 0, pitch: 3 * width });
  const seen: Picture = { width, height, stride: 3 * width, format: 'RGB', data: shrunk };
  sample(seen, { ...small, xAt: small.xAt - x, yAt: small.yAt - y }, target, bytes === 1);
}

/** The pixels, from the first to before the last, that a parallelogram from `at` along `across` and `down` is sampled from. */
function span(at: number, across: number, down: number, size: number): [number, number] {
  const least = at + Math.min(0, across) + Math.min(0, down);
  const most = at + Math.max(0, across) + Math.max(0, down);
  const first = Math.min(size - 1, Math.max(0, Math.floor(least)));
  return [first, Math.max(first + 1, Math.min(size, Math.floor(most) + 2))];
}

/** Bilinear. `grey`: all three colours are the same. */
function sample(
  picture: Picture,
  grid: Grid,
  { width, height, data: out }: RgbTarget,
  grey = picture.format === 'GRAY8',
): void {
  const { bytes, red, green, blue } = layoutOf(picture);
  const { data: source, stride } = picture;
  const { xAt, yAt, downX, downY, acrossX, acrossY } = grid;
  const [lastX, lastY] = [picture.width - 1, picture.height - 1];
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at += 3) {
      const fromX = xAt + row * downX + column * acrossX;
      const fromY = yAt + row * downY + column * acrossY;
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
      // Each is written as a whole number: what is after the comma is cut off.
      const r =
        upperLeft * source[upper + red]! +
        upperRight * source[upper + next + red]! +
        lowerLeft * source[lower + red]! +
        lowerRight * source[lower + next + red]! +
        0.5;
      out[at] = r;
      if (grey) {
        out[at + 1] = r;
        out[at + 2] = r;
        continue;
      }
      out[at + 1] =
        upperLeft * source[upper + green]! +
        upperRight * source[upper + next + green]! +
        lowerLeft * source[lower + green]! +
        lowerRight * source[lower + next + green]! +
        0.5;
      out[at + 2] =
        upperLeft * source[upper + blue]! +
        upperRight * source[upper + next + blue]! +
        lowerLeft * source[lower + blue]! +
        lowerRight * source[lower + next + blue]! +
        0.5;
    }
  }
}

function gridOf(box: Box, { frame, window, turn, x, y }: View, { width, height }: RgbTarget): Grid {
  const [scaleX, scaleY] = [box.width / frame.width, box.height / frame.height];
  const [stepX, stepY] = [window.width / width, window.height / height];
  const [cosine, sine] = [Math.cos(turn), Math.sin(turn)];
  const [acrossX, acrossY] = [scaleX * stepX * cosine, scaleY * stepX * sine];
  const [downX, downY] = [-scaleX * stepY * sine, scaleY * stepY * cosine];
  return {
    xAt: box.x + scaleX * x - 0.5 + ((1 - width) / 2) * acrossX + ((1 - height) / 2) * downX,
    yAt: box.y + scaleY * y - 0.5 + ((1 - width) / 2) * acrossY + ((1 - height) / 2) * downY,
    acrossX,
    acrossY,
    downX,
    downY,
  };
}
