import type { Raster } from './raster.js';

/** A good image as it was read: pixels of the region size, and where it came from. */
export interface GoodImage extends Raster {
  readonly file: string;
}

/** What is known of a good image once position has been learnt. */
export interface ImageFacts {
  readonly file: string;
  /** Mean Z_l over all patches, before normalisation; 56 values. */
  readonly feature: Float32Array;
  /** Mean of the strangest patches' (1/n)‖Z_l‖², after a normalisation in which the image had no part. */
  readonly strangeness: number;
}

/** Something about the good images that a person should look at before trusting the model. */
export interface ImageWarning {
  readonly text: string;
  /** The images that are meant, the worst first; none where all are. */
  readonly files: readonly string[];
}

export const STRANGE_IMAGES = {
  /** Below, few images are warned of. */
  comfortable: 60,
  /** Share of the pixels that are saturated in some images and not in others: a backlight always is, and is no fault. */
  saturatedShare: 0.03,
  /** Of the median sharpness: images below are called blurred. */
  blurredShare: 0.5,
  /** Deviations (by the median absolute deviation, of the logarithm) beyond which an image is unlike the rest. */
  unlikeDeviations: 7,
  /** Least such deviation: images that are nearly the same are not told apart by noise. */
  leastSpread: 0.05,
  /** Distance of two groups' means in pooled deviations (Ashman's D) from which they look like two products. */
  productDistance: 8,
  /** Smallest share of the images that makes a group. */
  productShare: 0.1,
  listed: 12,
} as const;

/** Warnings that pixels alone allow. */
export function warnOfPixels(images: readonly GoodImage[]): ImageWarning[] {
  const warnings: ImageWarning[] = [];
  const count = filesOf(images).length;
  if (count < STRANGE_IMAGES.comfortable) {
    const text = `only ${count} good images: 100 or more make the model and its threshold much better`;
    warnings.push({ text, files: [] });
  }
  const saturated = saturatedShare(images);
  if (saturated > STRANGE_IMAGES.saturatedShare) {
    const share = Math.round(100 * saturated);
    const text = `${share} % of the pixels are saturated in some of the images: no defect can be seen there; change exposure or light`;
    warnings.push({ text, files: [] });
  }
  const sharpness = images.map(sharpnessOf);
  const least = STRANGE_IMAGES.blurredShare * median(sharpness);
  const blurred = images
    .map(({ file }, index) => ({ file, value: sharpness[index]! }))
    .filter((one) => one.value < least);
  if (blurred.length > 0) {
    warnings.push({
      text: `${countOf(blurred)} far less sharp than the others`,
      files: worst(blurred, (a, b) => a.value - b.value),
    });
  }
  return warnings;
}

/** Warnings that need Z_l: images unlike the rest, and several products among the good images. */
export function warnOfFeatures(facts: readonly ImageFacts[]): ImageWarning[] {
  const warnings: ImageWarning[] = [];
  const logOf = ({ strangeness }: ImageFacts) => Math.log(Math.max(1e-9, strangeness));
  const centre = median(facts.map(logOf));
  const above = facts.map((one) => logOf(one) - centre);
  const spread = Math.max(STRANGE_IMAGES.leastSpread, 1.4826 * median(above.map(Math.abs)));
  const unlike = facts
    .map(({ file }, index) => ({ file, value: above[index]! / spread }))
    .filter(({ value }) => value > STRANGE_IMAGES.unlikeDeviations);
  if (unlike.length > 0) {
    warnings.push({
      text: `${countOf(unlike)} unlike the rest: is a defective part among the good ones?`,
      files: worst(unlike, (a, b) => b.value - a.value),
    });
  }
  const smaller = secondProduct(facts);
  if (smaller.length > 0) {
    warnings.push({
      text: `the good images look like two different products: ${smaller.length} of ${filesOf(facts).length} form a group of their own; train a model for each`,
      files: smaller.slice(0, STRANGE_IMAGES.listed),
    });
  }
  return warnings;
}

/** The smaller of two groups that the images fall into, or nothing when they do not (2-means, then Ashman's D). */
function secondProduct(facts: readonly ImageFacts[]): string[] {
  const features = standardised(facts.map(({ feature }) => feature));
  const first = features[0];
  if (!first) return [];
  const farthest = (from: Float64Array) => features.reduce((a, b) => (distance(b, from) > distance(a, from) ? b : a));
  let centres: [Float64Array, Float64Array] = [farthest(first), first];
  centres = [centres[0], farthest(centres[0])];
  let nearer: boolean[] = [];
  for (let round = 0; round < 20; round += 1) {
    nearer = features.map((feature) => distance(feature, centres[0]) < distance(feature, centres[1]));
    if (!nearer.includes(true) || !nearer.includes(false)) return [];
    centres = [meanOf(features.filter((_, i) => nearer[i])), meanOf(features.filter((_, i) => !nearer[i]))];
  }
  const axis = centres[0].map((value, c) => value - centres[1][c]!);
  const along = features.map((feature) => feature.reduce((sum, value, c) => sum + value * axis[c]!, 0));
  const groups = [along.filter((_, i) => nearer[i]), along.filter((_, i) => !nearer[i])] as const;
  const [a, b] = groups.map(momentsOf) as [Moments, Moments];
  const separation = (Math.SQRT2 * Math.abs(a.mean - b.mean)) / Math.sqrt(Math.max(1e-12, a.variance + b.variance));
  const smallerIsFirst = groups[0].length < groups[1].length;
  const share = Math.min(groups[0].length, groups[1].length) / facts.length;
  if (separation < STRANGE_IMAGES.productDistance || share < STRANGE_IMAGES.productShare) return [];
  return filesOf(facts.filter((_, index) => nearer[index] === smallerIsFirst));
}

interface Moments {
  readonly mean: number;
  readonly variance: number;
}

function momentsOf(values: readonly number[]): Moments {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length };
}

function standardised(features: readonly Float32Array[]): Float64Array[] {
  const length = features[0]?.length ?? 0;
  const columns = Array.from({ length }, (_, c) => momentsOf(features.map((feature) => feature[c]!)));
  return features.map((feature) =>
    Float64Array.from(feature, (value, c) => (value - columns[c]!.mean) / Math.sqrt(columns[c]!.variance + 1e-9)),
  );
}

function meanOf(features: readonly Float64Array[]): Float64Array {
  return features[0]!.map((_, c) => features.reduce((sum, feature) => sum + feature[c]!, 0) / features.length);
}

function distance(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, c) => sum + (value - b[c]!) ** 2, 0);
}

/** Share of the places whose brightest channel is 255 in a tenth of the images or more, but not in nine tenths. */
function saturatedShare(images: readonly Raster[]): number {
  const [first] = images;
  if (!first) return 0;
  const counts = new Uint16Array(first.width * first.height);
  for (const { data } of images) {
    for (let pixel = 0; pixel < counts.length; pixel += 1) {
      const at = 3 * pixel;
      if (data[at] === 255 || data[at + 1] === 255 || data[at + 2] === 255) counts[pixel]! += 1;
    }
  }
  const [few, most] = [0.1 * images.length, 0.9 * images.length];
  return counts.reduce((sum, count) => sum + (count >= few && count < most ? 1 : 0), 0) / counts.length;
}

/** Mean absolute Laplacian of the green channel, relative to the channel's deviation. */
function sharpnessOf({ width, height, data }: Raster): number {
  const at = (x: number, y: number) => data[(y * width + x) * 3 + 1]!;
  let edges = 0;
  let sum = 0;
  let squares = 0;
  for (let y = 1; y < height - 1; y += 1) {
    for (let x = 1; x < width - 1; x += 1) {
      const value = at(x, y);
      edges += Math.abs(4 * value - at(x - 1, y) - at(x + 1, y) - at(x, y - 1) - at(x, y + 1));
      sum += value;
      squares += value * value;
    }
  }
  const count = (width - 2) * (height - 2);
  return edges / count / Math.sqrt(Math.max(1, squares / count - (sum / count) ** 2));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

function worst<T extends { readonly file: string }>(found: readonly T[], order: (a: T, b: T) => number): string[] {
  return filesOf([...found].sort(order)).slice(0, STRANGE_IMAGES.listed);
}

/** Each once: of a surface, several pieces of one file are learnt from. */
function filesOf(found: readonly { readonly file: string }[]): string[] {
  return [...new Set(found.map(({ file }) => file))];
}

function countOf(found: readonly { readonly file: string }[]): string {
  const count = filesOf(found).length;
  return count === 1 ? '1 of the good images is' : `${count} of the good images are`;
}
