/**
 * The part: a milled plate with a turned boss, a blasted pocket, bores, a slot, two lines of print and a code. Lengths
 * are in design units: one unit is one pixel in a frame of 512 × 512 that shows parts lying anywhere.
 */
export const PLATE = { halfWidth: 165, halfHeight: 140, corner: 30, chamfer: 7 } as const;
export const BOSS = { radius: 88, chamfer: 5, groove: 60, grooveWidth: 4 } as const;
export const POCKET = { x: -126, y: 0, halfWidth: 25, halfHeight: 38, corner: 9, wall: 5 } as const;

/** Margin around the plate that the part's raster keeps for its contact shadow. */
export const MARGIN = 20;
export const HALF_WIDTH = PLATE.halfWidth + MARGIN;
export const HALF_HEIGHT = PLATE.halfHeight + MARGIN;

/** A blind bore with a countersink; `half` > 0 makes it a slot of that half-length along x. */
export interface BorePlace {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly rim: number;
  readonly half: number;
  readonly deep: boolean;
}

export const BORES: readonly BorePlace[] = [
  { x: -131, y: -105, radius: 13, rim: 6, half: 0, deep: false },
  { x: 131, y: -105, radius: 13, rim: 6, half: 0, deep: false },
  { x: -131, y: 105, radius: 13, rim: 6, half: 0, deep: false },
  { x: 131, y: 105, radius: 13, rim: 6, half: 0, deep: false },
  { x: -66, y: -114, radius: 8, rim: 3, half: 0, deep: false },
  { x: 66, y: -114, radius: 8, rim: 3, half: 0, deep: false },
  { x: 0, y: -114, radius: 9, rim: 3, half: 20, deep: false },
  { x: 0, y: 0, radius: 27, rim: 5, half: 0, deep: true },
  { x: 44, y: 0, radius: 6, rim: 2, half: 0, deep: false },
  { x: -22, y: 38, radius: 6, rim: 2, half: 0, deep: false },
  { x: -22, y: -38, radius: 6, rim: 2, half: 0, deep: false },
];

export const PRINT = {
  x: -62,
  firstLine: 94,
  secondLine: 115,
  height: 14,
  width: 8.5,
  advance: 13,
  stroke: 2.3,
} as const;
/** Characters of a line of print. */
export const PRINT_COLUMNS = 10;

/** A square code of `cells` × `cells` modules, new for every part, with a solid border on two sides as finder. */
export const CODE = { x: 126, y: 0, cells: 12, cell: 3.7 } as const;

/** Signed distance to a rectangle with rounded corners around the origin, negative inside, and its outward direction. */
export function roundedBox(x: number, y: number, halfWidth: number, halfHeight: number, corner: number): Distance {
  const overX = Math.abs(x) - (halfWidth - corner);
  const overY = Math.abs(y) - (halfHeight - corner);
  const signX = x < 0 ? -1 : 1;
  const signY = y < 0 ? -1 : 1;
  if (overX > 0 && overY > 0) {
    const length = Math.hypot(overX, overY) || 1;
    return { distance: length - corner, nx: (signX * overX) / length, ny: (signY * overY) / length };
  }
  return overX > overY
    ? { distance: overX - corner, nx: signX, ny: 0 }
    : { distance: overY - corner, nx: 0, ny: signY };
}

export interface Distance {
  readonly distance: number;
  readonly nx: number;
  readonly ny: number;
}

export function clamp01(value: number): number {
  return Math.max(0, Math.min(1, value));
}

/** Smooth step from 0 at `low` to 1 at `high`. */
export function smooth(low: number, high: number, value: number): number {
  const t = clamp01((value - low) / (high - low));
  return t * t * (3 - 2 * t);
}
