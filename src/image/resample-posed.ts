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
 * is the mean of as many places as it covers source pixels, which for upright windows and whole factors is the exact area average.
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
  const { width, height } = target;
  const { frame, window, turn, x, y } = view;
  const { bytes, red, green, blue } = layoutOf(picture);
  const { data: source, stride } = picture;
  const [scaleX, scaleY] = [box.width / frame.width, box.height / frame.height];
  const [stepX, stepY] = [window.width / width, window.height / height];
  const samples = Math.max(1, Math.ceil(Math.max(scaleX * stepX, scaleY * stepY) - 1e-6));
  const share = 1 / samples;
  const [cosine, sine] = [Math.cos(turn), Math.sin(turn)];
  const [lastX, lastY] = [picture.width - 1, picture.height - 1];
  const weight = share * share;
  for (let row = 0, out = 0; row < height; row++) {
    for (let column = 0; column < width; column++, out += 3) {
      let [r, g, b] = [0, 0, 0];
      for (let part = 0; part < samples * samples; part++) {
        const dx = stepX * (column + ((part % samples) + 0.5) * share - width / 2);
        const dy = stepY * (row + (((part / samples) | 0) + 0.5) * share - height / 2);
        const fromX = box.x + scaleX * (x + cosine * dx - sine * dy) - 0.5;
        const fromY = box.y + scaleY * (y + sine * dx + cosine * dy) - 0.5;
        const atX = fromX < 0 ? 0 : fromX > lastX ? lastX : fromX;
        const atY = fromY < 0 ? 0 : fromY > lastY ? lastY : fromY;
        const [left, top] = [atX | 0, atY | 0];
        const [right, down] = [atX - left, atY - top];
        const at = top * stride + left * bytes;
        const next = left < lastX ? at + bytes : at;
        const below = top < lastY ? stride : 0;
        const a = (1 - right) * (1 - down);
        const c = right * (1 - down);
        const d = (1 - right) * down;
        const e = right * down;
        r += a * source[at + red]! + c * source[next + red]!;
        r += d * source[at + below + red]! + e * source[next + below + red]!;
        g += a * source[at + green]! + c * source[next + green]!;
        g += d * source[at + below + green]! + e * source[next + below + green]!;
        b += a * source[at + blue]! + c * source[next + blue]!;
        b += d * source[at + below + blue]! + e * source[next + below + blue]!;
      }
      target.data[out] = weight * r + 0.5;
      target.data[out + 1] = weight * g + 0.5;
      target.data[out + 2] = weight * b + 0.5;
    }
  }
}
