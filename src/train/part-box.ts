import type { Pose } from '../infer/locate/pose.js';
import type { Relief } from '../infer/locate/relief.js';

export const PART_BOX = {
  /** Degrees between the turns that are tried; boxes repeat every quarter turn. */
  turnStep: 3,
  /** Share of what stands out that may lie beyond each side: a template is never quite flat where the belt was. */
  strayShare: 0.01,
  /** A turn has to make the box smaller by this share for each radian. */
  turnCost: 0.1,
} as const;

/** A box around a part: the pose of its middle, and its sides in pixels of the relief. */
export interface PartBox extends Pose {
  readonly width: number;
  readonly height: number;
}

/** The smallest box, turned by less than an eighth of a circle, around what stands out in a relief. */
export function tightestBox(relief: Relief): PartBox {
  const boxes: PartBox[] = [];
  for (let degrees = -45 + PART_BOX.turnStep; degrees <= 45; degrees += PART_BOX.turnStep) {
    boxes.push(boxAt(relief, (degrees * Math.PI) / 180));
  }
  const cost = ({ turn, width, height }: PartBox) => width * height * (1 + PART_BOX.turnCost * Math.abs(turn));
  return boxes.reduce((best, box) => (cost(box) < cost(best) ? box : best));
}

/** The box at a given turn. */
export function boxAt({ width, height, values }: Relief, turn: number): PartBox {
  const reach = Math.ceil(Math.hypot(width, height) / 2);
  const along = new Float64Array(2 * reach + 1);
  const across = new Float64Array(2 * reach + 1);
  const [cosine, sine] = [Math.cos(turn), Math.sin(turn)];
  for (let y = 0, at = 0; y < height; y++) {
    const dy = y + 0.5 - height / 2;
    for (let x = 0; x < width; x++, at++) {
      const dx = x + 0.5 - width / 2;
      const weight = values[at]! ** 4;
      along[Math.floor(cosine * dx + sine * dy) + reach]! += weight;
      across[Math.floor(cosine * dy - sine * dx) + reach]! += weight;
    }
  }
  const [left, right] = innerRange(along, reach);
  const [top, bottom] = innerRange(across, reach);
  const [u, v] = [(left + right) / 2, (top + bottom) / 2];
  return {
    turn,
    x: width / 2 + cosine * u - sine * v,
    y: height / 2 + sine * u + cosine * v,
    width: right - left,
    height: bottom - top,
  };
}

/** Where a profile begins and ends, without its strays; bin `reach` begins at 0. */
function innerRange(profile: Float64Array, reach: number): [number, number] {
  const stray = PART_BOX.strayShare * profile.reduce((sum, value) => sum + value, 0);
  let [first, last] = [0, profile.length - 1];
  for (let sum = profile[first]!; sum <= stray && first < last; sum += profile[first]!) first++;
  for (let sum = profile[last]!; sum <= stray && last > first; sum += profile[last]!) last--;
  return [first - reach, last + 1 - reach];
}
