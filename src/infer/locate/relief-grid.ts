import type { Pose } from './pose.js';
import type { Relief } from './relief.js';

/**
 * Means of blocks of `factor` × `factor` pixels around the same centre; what a block lacks at an edge counts as 0, the mean of a
 * relief.
 */
export function shrinkRelief({ width, height, values }: Relief, factor: number): Relief {
  const small = { width: Math.ceil(width / factor), height: Math.ceil(height / factor) };
  const right = Math.floor((small.width * factor - width) / 2);
  const down = Math.floor((small.height * factor - height) / 2);
  const result = new Float32Array(small.width * small.height);
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y + down) / factor) * small.width;
    for (let x = 0; x < width; x++) result[row + Math.floor((x + right) / factor)]! += values[y * width + x]!;
  }
  for (let i = 0; i < result.length; i++) result[i]! /= factor * factor;
  return { ...small, values: result };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The same pose in a grid with the same centre whose pixels are `factor` times as large. */
export function shrinkPose({ turn, x, y }: Pose, full: Size, small: Size, factor: number): Pose {
  return {
    turn,
    x: small.width / 2 + (x - full.width / 2) / factor,
    y: small.height / 2 + (y - full.height / 2) / factor,
  };
}

/** The bilinear value at a place in relief pixels, 0 outside. */
export function valueAt({ width, height, values }: Relief, x: number, y: number): number {
  const [fromX, fromY] = [x - 0.5, y - 0.5];
  if (!(fromX >= 0 && fromY >= 0 && fromX <= width - 1 && fromY <= height - 1)) return 0;
  const [left, top] = [fromX | 0, fromY | 0];
  const [right, down] = [fromX - left, fromY - top];
  const at = top * width + left;
  const next = left < width - 1 ? 1 : 0;
  const below = top < height - 1 ? at + width : at;
  const upper = values[at]! + right * (values[at + next]! - values[at]!);
  const lower = values[below]! + right * (values[below + next]! - values[below]!);
  return upper + down * (lower - upper);
}
