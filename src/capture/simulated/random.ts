/**
 * Seeded random numbers. Every part draws from streams of its own, named by purpose, so that a defect changes nothing
 * else about the part: the same seed and index give the same part with and without it.
 */

/** Independent sources of chance for one part. */
export const STREAM = { pose: 1, light: 2, surface: 3, print: 4, sensor: 5, defect: 6, line: 7, fate: 8 } as const;

/** A stream of pseudo-random numbers: sfc32 (Chris Doty-Humphrey, PractRand), 128 bits of state. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, index = 0, stream = 0) {
    this.#a = mix(seed ^ 0x9e3779b9);
    this.#b = mix(index + 0x85ebca6b);
    this.#c = mix(Math.imul(stream + 1, 0xc2b2ae35) ^ Math.floor(seed / 0x1_0000_0000));
    for (let warmUp = 0; warmUp < 12; warmUp++) this.uint32();
  }

  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Log-uniform: small values are as frequent as large ones, as defects are. */
  logBetween(low: number, high: number): number {
    return low * (high / low) ** this.next();
  }

  /** Integer in [0, below). */
  integer(below: number): number {
    return Math.floor(this.next() * below);
  }

  sign(): number {
    return this.next() < 0.5 ? -1 : 1;
  }

  pick<T>(values: readonly T[]): T {
    const value = values[this.integer(values.length)];
    if (value === undefined) throw new RangeError('cannot pick from an empty list');
    return value;
  }

  /** Standard normal (Box and Muller, 1958). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  /** Normal, cut at two deviations, as what a tolerance lets through. */
  tolerance(deviation: number): number {
    return Math.max(-2, Math.min(2, this.normal())) * deviation;
  }
}

function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return (hash ^ (hash >>> 16)) | 0;
}
