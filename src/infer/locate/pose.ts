/**
 * Where a part lies in a region: the place of the template's centre in template pixels, laid over the region (its top left
 * corner is 0, 0), and the turn of the template there in radians, clockwise as one looks at the picture.
 */
export interface Pose {
  readonly turn: number;
  readonly x: number;
  readonly y: number;
}

/** The pose of a part that lies as the template does. */
export function uprightPose({ width, height }: { readonly width: number; readonly height: number }): Pose {
  return { turn: 0, x: width / 2, y: height / 2 };
}
