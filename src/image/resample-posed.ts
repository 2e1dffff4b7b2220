import type { Pieces } from '../pieces.js';
import type { Box, Picture } from '../types.js';
import { aligned, besideOf, Kernels, ORDER_BYTES, orderOf } from './kernels.js';
import { layoutOf, PIXEL_LAYOUTS, type PixelLayout } from './pixels.js';
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

/** Rows of a target that are sampled in one go, and of a picture that are copied. */
const BAND = 32;
const LOADED_BAND = 256;

/** What a target is sampled from: a part of an image, in the kernels' memory. */
interface Seen extends Box {
  /** In pixels of the part. */
  readonly grid: Grid;
  readonly bytes: number;
  /** Addresses. */
  readonly source: number;
  readonly beside: number;
  readonly order: number;
  readonly out: number;
  /** Bytes from one row to the next. */
  readonly pitch: number;
}

/**
 * Samples pictures as {@link resampleToRgb} does, but through a turned window: first, where they shrink, by that to as many pixels as
 * the target has for the same place, then bilinear. Outside the frame its edge goes on; outside the box, the frame does.
 */
export class PosedResampler {
  /** Holds what is sampled, and one row of the target. */
  readonly #kernels = new Kernels();

  /**
   * Fills `target`, a band of rows after the other. One picture at a time.
   *
   * @throws SideglanceError `SG_FRAME_FORMAT` as `resampleToRgb`
   */
  *resample(picture: Picture, box: Box, view: View, target: RgbTarget): Pieces<void> {
    const layout = layoutOf(picture);
    const grid = gridOf(box, view, target);
    const isDense = Math.max(grid.stepX, grid.stepY) <= 1 + FARTHER;
    const seen = isDense
      ? yield* this.#load(picture, layout, grid, target)
      : yield* this.#shrink(picture, grid, target);
    yield* this.#sample(seen, target);
  }

  /** The part of a picture that a target is sampled from, as it is. */
  *#load(picture: Picture, layout: PixelLayout, grid: Grid, target: RgbTarget): Pieces<Seen> {
    const { stride, data } = picture;
    const { bytes } = layout;
    const seen = this.#seen(grid, picture, target, layout);
    for (let row = 0; row < seen.height; row++) {
      if (row % LOADED_BAND === 0) yield;
      const at = (seen.y + row) * stride + seen.x * bytes;
      this.#kernels.bytes.set(data.subarray(at, at + seen.width * bytes), seen.source + row * seen.pitch);
    }
    return seen;
  }

  /** The same in about as many pixels as the target has. */
  *#shrink(picture: Picture, grid: Grid, target: RgbTarget): Pieces<Seen> {
    const size = {
      width: Math.max(1, Math.round(picture.width / Math.max(1, grid.stepX))),
      height: Math.max(1, Math.round(picture.height / Math.max(1, grid.stepY))),
    };
    const [scaleX, scaleY] = [size.width / picture.width, size.height / picture.height];
    const shrunk: Grid = {
      ...grid,
      ...{ xAt: (grid.xAt + 0.5) * scaleX - 0.5, yAt: (grid.yAt + 0.5) * scaleY - 0.5 },
      ...{ acrossX: grid.acrossX * scaleX, acrossY: grid.acrossY * scaleY },
      ...{ downX: grid.downX * scaleX, downY: grid.downY * scaleY },
    };
    const seen = this.#seen(shrunk, size, target, PIXEL_LAYOUTS.RGB);
    const { x, y, width, height, source, pitch } = seen;
    const window = { x, y, width, height, data: this.#kernels.bytes, offset: source, pitch };
    yield* resampleInBands(picture, wholeOf(picture), size, window);
    return seen;
  }

  /** Room for the part of an image that a target's grid lies in. */
  #seen(grid: Grid, size: Size, target: RgbTarget, layout: PixelLayout): Seen {
    const [lastColumn, lastRow] = [target.width - 1, target.height - 1];
    const [x, right] = span(grid.xAt, grid.acrossX * lastColumn, grid.downX * lastRow, size.width);
    const [y, bottom] = span(grid.yAt, grid.acrossY * lastColumn, grid.downY * lastRow, size.height);
    const [width, height] = [right - x, bottom - y];
    const pitch = aligned(width * layout.bytes);
    const [beside, order, out, source] = this.#kernels.reserve(
      // The lowest row has one below it, which counts for nothing.
      ...[ORDER_BYTES, ORDER_BYTES, 3 * target.width, pitch * (height + 1)],
    ) as [number, number, number, number];
    this.#kernels.bytes.set(besideOf(layout), beside);
    this.#kernels.bytes.set(orderOf(layout), order);
    const moved = { ...grid, xAt: grid.xAt - x, yAt: grid.yAt - y };
    return { x, y, width, height, grid: moved, bytes: layout.bytes, source, pitch, beside, order, out };
  }

  *#sample(seen: Seen, { width, height, data }: RgbTarget): Pieces<void> {
    const { grid, bytes, source, pitch, beside, order, out } = seen;
    const { xAt, yAt, acrossX, acrossY, downX, downY } = grid;
    const [lastX, lastY] = [seen.width - 1, seen.height - 1];
    const { run } = this.#kernels;
    const made = this.#kernels.bytes.subarray(out, out + 3 * width);
    for (let row = 0; row < height; row++) {
      if (row % BAND === 0) yield;
      const [x, y] = [xAt + row * downX, yAt + row * downY];
      run.sampleRow(source, pitch, bytes, lastX, lastY, x, y, acrossX, acrossY, width, beside, order, out);
      data.set(made, 3 * width * row);
    }
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
