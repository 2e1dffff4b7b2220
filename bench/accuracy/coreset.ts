import type { Random } from '../../src/random.js';

/** Vectors of one length, one after the other. */
export interface Vectors {
  readonly dimensions: number;
  /** [vectors × dimensions] */
  readonly data: Float32Array;
}

/**
 * Greedy k-centre selection: each next vector is the one that lies farthest from those chosen before
 * (Roth et al. 2022, PatchCore, algorithm 1).
 * @param first the index of the vector to begin with
 * @returns indices of `count` vectors, or of all there are, in the order of choice
 */
export function greedyCoreset({ dimensions, data }: Vectors, count: number, first: number): Uint32Array {
  const vectors = data.length / dimensions;
  const chosen = new Uint32Array(Math.min(count, vectors));
  /** Squared distance to the nearest chosen vector; −1 for the chosen themselves. */
  const gaps = new Float32Array(vectors).fill(Number.POSITIVE_INFINITY);
  let next = first;
  for (let n = 0; n < chosen.length; n += 1) {
    chosen[n] = next;
    gaps[next] = -1;
    const centre = data.subarray(next * dimensions, (next + 1) * dimensions);
    let widest = -1;
    for (let vector = 0, at = 0; vector < vectors; vector += 1, at += dimensions) {
      const gap = gaps[vector]!;
      // Most vectors lie far from most centres: the sum ends as soon as it cannot narrow the gap.
      let squared = 0;
      for (let d = 0; d < dimensions && squared < gap; d += 1) {
        const difference = data[at + d]! - centre[d]!;
        squared += difference * difference;
      }
      if (squared < gap) gaps[vector] = squared;
      if (gaps[vector]! > widest) {
        widest = gaps[vector]!;
        next = vector;
      }
    }
  }
  return chosen;
}

/**
 * Gaussian random projection to `dimensions`, which keeps distances about as they are (Johnson and Lindenstrauss 1984);
 * the vectors themselves where they are no longer than that.
 */
export function projected(vectors: Vectors, dimensions: number, random: Random): Vectors {
  const { dimensions: from, data } = vectors;
  if (from <= dimensions) return vectors;
  const matrix = Float32Array.from({ length: dimensions * from }, () => random.normal() / Math.sqrt(dimensions));
  const short = new Float32Array((data.length / from) * dimensions);
  for (let at = 0, out = 0; at < data.length; at += from) {
    for (let row = 0; row < dimensions; row += 1, out += 1) {
      let sum = 0;
      for (let d = 0; d < from; d += 1) sum += matrix[row * from + d]! * data[at + d]!;
      short[out] = sum;
    }
  }
  return { dimensions, data: short };
}
