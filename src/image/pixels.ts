import { SideglanceError } from '../errors.js';
import type { Picture, PixelFormat } from '../types.js';

/** How one pixel lies in memory: its size and the offsets of red, green and blue in it. */
export interface PixelLayout {
  readonly bytes: number;
  readonly red: number;
  readonly green: number;
  readonly blue: number;
}

/** The layouts of {@link PixelFormat}; grey has all three colours in its one byte. */
export const PIXEL_LAYOUTS: Readonly<Record<PixelFormat, PixelLayout>> = {
  GRAY8: { bytes: 1, red: 0, green: 0, blue: 0 },
  RGB: { bytes: 3, red: 0, green: 1, blue: 2 },
  BGRx: { bytes: 4, red: 2, green: 1, blue: 0 },
};

/**
 * Checks that a picture holds what its header says and gives its pixel layout.
 * @throws SideglanceError `SG_FRAME_FORMAT` for an unknown format, a stride below one row, or too few bytes.
 */
export function layoutOf(picture: Picture): PixelLayout {
  const { width, height, stride, format, data } = picture;
  const layout = PIXEL_LAYOUTS[format] as PixelLayout | undefined;
  const size = `${width}×${height} ${format}`;
  if (layout === undefined) {
    throw new SideglanceError(
      'SG_FRAME_FORMAT',
      `a picture in format ${format} cannot be read; convert it to GRAY8, RGB or BGRx (videoconvert in a pipeline)`,
    );
  }
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new SideglanceError('SG_FRAME_FORMAT', `a picture of ${size} has no pixels; check what the source delivers`);
  }
  if (!Number.isInteger(stride) || stride < width * layout.bytes) {
    throw new SideglanceError(
      'SG_FRAME_FORMAT',
      `a picture of ${size} needs at least ${width * layout.bytes} bytes a row, but its stride is ${stride}`,
    );
  }
  // The last row may end without its padding: some sources do not pad it.
  const needed = stride * (height - 1) + width * layout.bytes;
  if (data.length < needed) {
    throw new SideglanceError(
      'SG_FRAME_FORMAT',
      `a picture of ${size} with stride ${stride} needs ${needed} bytes, but holds ${data.length}`,
    );
  }
  return layout;
}

/** Pixels without padding between the rows: one byte a pixel for grey, three (red, green, blue) for colour. */
export interface PackedPixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/**
 * The pixels of a picture without padding, in the form that image encoders take. Shares the picture's memory where
 * nothing has to move.
 * @throws SideglanceError `SG_FRAME_FORMAT` as {@link layoutOf}.
 */
export function packPixels(picture: Picture): PackedPixels {
  const { bytes, red, green, blue } = layoutOf(picture);
  const { width, height, stride, data } = picture;
  const channels = bytes === 1 ? 1 : 3;
  const row = width * channels;
  if (bytes === channels && stride === row) return { width, height, channels, data: data.subarray(0, row * height) };
  const packed = new Uint8Array(row * height);
  for (let y = 0, out = 0; y < height; y++) {
    if (bytes === channels) {
      packed.set(data.subarray(y * stride, y * stride + row), out);
      out += row;
      continue;
    }
    for (let x = 0, at = y * stride; x < width; x++, at += bytes, out += 3) {
      packed[out] = data[at + red]!;
      packed[out + 1] = data[at + green]!;
      packed[out + 2] = data[at + blue]!;
    }
  }
  return { width, height, channels, data: packed };
}
