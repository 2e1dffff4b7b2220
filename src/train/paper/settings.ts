/**
 * The method as it was published (Wang et al. 2021) with the settings of a public re-implementation: patch by patch,
 * a small Local-Net distilled from the teacher, a Global-Net of partial convolutions. Slow; it is here to compare with.
 */
export const PAPER = {
  /** Side of the image in pixels; regions of another size are scaled to it. */
  size: 256,
  /** Side of a patch in pixels. */
  patch: 33,
  /** Patches on a side, evenly spaced and overlapping. */
  grid: 20,
  features: 128,
  /** Slope of LeakyReLU below zero. */
  slope: 0.005,
  lambdaK: 1,
  lambdaC: 1,
  lambdaT: 0.01,
  lambdaS: 0.8,
  distillation: { batch: 64, learningRate: 1e-3, share: 0.4 },
  context: { batch: 16, learningRate: 1e-3 },
  /** Side of Global-Net's last map: five halvings of the image. */
  lastSide: 8,
} as const;

/** Left (or top) edge in pixels of the patches in a row (or column). */
export const PATCH_STARTS: readonly number[] = Array.from({ length: PAPER.grid }, (_, index) =>
  Math.round((index * (PAPER.size - PAPER.patch)) / (PAPER.grid - 1)),
);
