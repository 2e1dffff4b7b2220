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

/** Where places lie in a picture, in steps of its pixels from the first one's centre. */
interface Grid {
  /** Of the picture's pixels from one place to the next, if they were upright. */
  readonly stepX: number;
  readonly stepY: number;
  readonly xAt: number;
  readonly yAt: number;
  readonly acrossX: number;
  readonly acrossY: number;
  readonly downX: number;
  readonly downY: number;
}

/** By so much more than a pixel places may lie apart: each takes in two anyway. */
const FARTHER = 0.25;

/**
 * Places along each side of a target pixel whose mean it is, where a picture shrinks: one alone is as sharp as the picture
 * where it meets a pixel's centre, and blurred between two, and a model takes that for a difference between parts.
 */
const PLACES = 2;

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
  /** Bytes from one row to the next. */
  readonly pitch: number;
  /** Rows of places, `placesPitch` bytes apart, and the row of the target that they make. */
  readonly places: number;
  readonly placesPitch: number;
  readonly made: number;
}

/**
 * Samples pictures as {@link resampleToRgb} does, but through a turned window: bilinear. Where a picture shrinks, a target pixel is the
 * mean of {@link PLACES} × {@link PLACES} places, and a picture that has more pixels than places shrinks to as many first. Outside the frame
 * its edge goes on; outside the box, the frame does.
 */
export class PosedResampler {
  /** Holds what is sampled, and a row of the target. */
  readonly #kernels = new Kernels();

  /**
   * Fills `target`, a band of rows after the other. One picture at a time.
   *
   * @throws SideglanceError `SG_FRAME_FORMAT` as `resampleToRgb`
   */
  *resample(picture: Picture, box: Box, view: View, target: RgbTarget): Pieces<void> {
    const layout = layoutOf(picture);
    const along = isDense(gridOf(box, view, target)) ? 1 : PLACES;
    const places = { width: along * target.width, height: along * target.height };
    const grid = gridOf(box, view, places);
    const seen = isDense(grid)
      ? yield* this.#load(picture, layout, grid, places)
      : yield* this.#shrink(picture, grid, places);
    yield* this.#sample(seen, target, along);
  }

  /** The part of a picture that places lie in, as it is. */
  *#load(picture: Picture, layout: PixelLayout, grid: Grid, places: Size): Pieces<Seen> {
    const { stride, data } = picture;
    const { bytes } = layout;
    const seen = this.#seen(grid, picture, places, layout);
    for (let row = 0; row < seen.height; row++) {
      if (row % LOADED_BAND === 0) yield;
      const at = (seen.y + row) * stride + seen.x * bytes;
      this.#kernels.bytes.set(data.subarray(at, at + seen.width * bytes), seen.source + row * seen.pitch);
    }
    return seen;
  }

  /** The same in about as many pixels as there are places. */
  *#shrink(picture: Picture, grid: Grid, places: Size): Pieces<Seen> {
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
    const seen = this.#seen(shrunk, size, places, PIXEL_LAYOUTS.RGB);
    const { x, y, width, height, source, pitch } = seen;
    const window = { x, y, width, height, data: this.#kernels.bytes, offset: source, pitch };
    yield* resampleInBands(picture, wholeOf(picture), size, window);
    return seen;
  }

  /** Room for the part of an image that places lie in, for rows of them, and for one of the target. */
  #seen(grid: Grid, size: Size, places: Size, layout: PixelLayout): Seen {
    const [lastColumn, lastRow] = [places.width - 1, places.height - 1];
    const [x, right] = span(grid.xAt, grid.acrossX * lastColumn, grid.downX * lastRow, size.width);
    const [y, bottom] = span(grid.yAt, grid.acrossY * lastColumn, grid.downY * lastRow, size.height);
    const [width, height] = [right - x, bottom - y];
    const pitch = aligned(width * layout.bytes);
    const placesPitch = aligned(3 * places.width);
    const [beside, order, rows, made, source] = this.#kernels.reserve(
      // The lowest row has one below it, which counts for nothing.
      ...[ORDER_BYTES, ORDER_BYTES, PLACES * placesPitch, placesPitch, pitch * (height + 1)],
    ) as [number, number, number, number, number];
    this.#kernels.bytes.set(besideOf(layout), beside);
    this.#kernels.bytes.set(orderOf(layout), order);
    return {
      ...{ x, y, width, height, grid: { ...grid, xAt: grid.xAt - x, yAt: grid.yAt - y } },
      ...{ bytes: layout.bytes, source, pitch, beside, order, places: rows, placesPitch, made },
    };
  }

  /** @param along places to a target pixel on each axis */
  *#sample(seen: Seen, { width, height, data }: RgbTarget, along: number): Pieces<void> {
    const { grid, bytes, source, pitch, beside, order, places, placesPitch, made } = seen;
    const { xAt, yAt, acrossX, acrossY, downX, downY } = grid;
    const [lastX, lastY] = [seen.width - 1, seen.height - 1];
    const { run, bytes: memory } = this.#kernels;
    const at = along === 1 ? places : made;
    const row = memory.subarray(at, at + 3 * width);
    for (let y = 0; y < height; y++) {
      if (y % BAND === 0) yield;
      for (let k = 0; k < along; k++) {
        const down = y * along + k;
        const [fromX, fromY, out] = [xAt + down * downX, yAt + down * downY, places + k * placesPitch];
        const count = along * width;
        run.sampleRow(source, pitch, bytes, lastX, lastY, fromX, fromY, acrossX, acrossY, count, beside, order, out);
      }
      if (along === PLACES) run.halveRows(places, placesPitch, width, made);
      data.set(row, 3 * width * y);
    }
  }
}

/** Whether places take in all that lies between them. */
function isDense({ stepX, stepY }: Grid): boolean {
  return Math.max(stepX, stepY) <= 1 + FARTHER;
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

/** The grid of so many places over a window. */
function gridOf(box: Box, { frame, window, turn, x, y }: View, { width, height }: Size): Grid {
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
