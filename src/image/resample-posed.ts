import type { Pieces } from '../pieces.js';
import type { Box, Picture } from '../types.js';
import { layoutOf } from './pixels.js';
import { type RgbTarget, resampleInBands } from './resample.js';

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
  /** Of the picture's pixels from one of the target to the next, if it were upright. */
  readonly stepX: number;
  readonly stepY: number;
  readonly xAt: number;
  readonly yAt: number;
  readonly acrossX: number;
  readonly acrossY: number;
  readonly downX: number;
  readonly downY: number;
}

/** By so much more than a pixel target pixels may lie apart: each takes in two anyway. */
const FARTHER = 0.25;

/** Rows of a target that are sampled in one go. */
const BAND = 16;

/**
 * Samples pictures as {@link resampleToRgb} does, but through a turned window: first, where they shrink, by that to as many pixels as
 * the target has for the same place, then bilinear. Outside the frame its edge goes on; outside the box, the frame does.
 */
export class PosedResampler {
  /** What a picture is shrunk to; as large as the largest so far. */
  #shrunk = new Uint8Array(0);

  /**
   * Fills `target`, a band of rows after the other. One picture at a time.
   *
   * @throws SideglanceError `SG_FRAME_FORMAT` as `resampleToRgb`
   */
  *resample(picture: Picture, box: Box, view: View, target: RgbTarget): Pieces<void> {
    const grey = layoutOf(picture).bytes === 1;
    const grid = gridOf(box, view, target);
    const isDense = Math.max(grid.stepX, grid.stepY) <= 1 + FARTHER;
    const seen = isDense ? { picture, grid } : yield* this.#shrink(picture, grid, target);
    for (let row = 0; row < target.height; row += BAND) {
      yield;
      sample(seen.picture, seen.grid, target, row, Math.min(row + BAND, target.height), grey);
    }
  }

  /** The part of a picture that a target is sampled from, in about as many pixels as the target has. */
  *#shrink(picture: Picture, grid: Grid, target: RgbTarget): Pieces<{ picture: Picture; grid: Grid }> {
    const size = {
      width: Math.max(1, Math.round(picture.width / Math.max(1, grid.stepX))),
      height: Math.max(1, Math.round(picture.height / Math.max(1, grid.stepY))),
    };
    const [scaleX, scaleY] = [size.width / picture.width, size.height / picture.height];
    const [xAt, yAt] = [(grid.xAt + 0.5) * scaleX - 0.5, (grid.yAt + 0.5) * scaleY - 0.5];
    const [acrossX, acrossY] = [grid.acrossX * scaleX, grid.acrossY * scaleY];
    const [downX, downY] = [grid.downX * scaleX, grid.downY * scaleY];
    const [lastColumn, lastRow] = [target.width - 1, target.height - 1];
    const [x, right] = span(xAt, acrossX * lastColumn, downX * lastRow, size.width);
    const [y, bottom] = span(yAt, acrossY * lastColumn, downY * lastRow, size.height);
    const [width, height, stride] = [right - x, bottom - y, 3 * (right - x)];
    if (this.#shrunk.length < stride * height) this.#shrunk = new Uint8Array(stride * height);
    const data = this.#shrunk;
    yield* resampleInBands(picture, wholeOf(picture), size, { x, y, width, height, data, offset: 0, pitch: stride });
    return {
      picture: { width, height, stride, format: 'RGB', data },
      grid: { ...grid, xAt: xAt - x, yAt: yAt - y, acrossX, acrossY, downX, downY },
    };
  }
}

function wholeOf({ width, height }: Size): Box {
  return { x: 0, y: 0, width, height };
}

/** The pixels, from the first to before the last, that a parallelogram from `at` along `across` and `down` is sampled from. */
function span(at: number, across: number, down: number, size: number): [number, number] {
  const least = at + Math.min(0, across) + Math.min(0, down);
  const most = at + Math.max(0, across) + Math.max(0, down);
  const first = Math.min(size - 1, Math.max(0, Math.floor(least)));
  return [first, Math.max(first + 1, Math.min(size, Math.floor(most) + 2))];
}

/** The target's rows from `first` to before `end`, bilinear. `grey`: all three colours are the same. */
function sample(
  picture: Picture,
  grid: Grid,
  { width, data: out }: RgbTarget,
  first: number,
  end: number,
  grey: boolean,
): void {
  const { bytes, red, green, blue } = layoutOf(picture);
  const { data: source, stride } = picture;
  const { xAt, yAt, downX, downY, acrossX, acrossY } = grid;
  const [lastX, lastY] = [picture.width - 1, picture.height - 1];
  for (let row = first, at = 3 * width * first; row < end; row++) {
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
  const [across, down] = [window.width / width, window.height / height];
  const [cosine, sine] = [Math.cos(turn), Math.sin(turn)];
  const [acrossX, acrossY] = [scaleX * across * cosine, scaleY * across * sine];
  const [downX, downY] = [-scaleX * down * sine, scaleY * down * cosine];
  return {
    stepX: scaleX * across,
    stepY: scaleY * down,
    xAt: box.x + scaleX * x - 0.5 + ((1 - width) / 2) * acrossX + ((1 - height) / 2) * downX,
    yAt: box.y + scaleY * y - 0.5 + ((1 - width) / 2) * acrossY + ((1 - height) / 2) * downY,
    acrossX,
    acrossY,
    downX,
    downY,
  };
}
