import type { Random } from '../../random.js';
import { elementCount, type Graph, type Value } from '../graph.js';
import { reshape, slice } from '../operators.js';

/** Where a network takes its weights from: a trained file, or the vector that is being trained. */
export interface ParameterSource {
  /** The weights no longer change: forms without a gradient will do (`fixed-forms.ts`). */
  readonly frozen: boolean;
  /** `fanIn` sets the deviation of the first values, √(2 / fanIn) (He et al. 2015); 0 starts at zero. */
  parameter(g: Graph, name: string, shape: readonly number[], fanIn: number): Value;
}

export interface ParameterPlace {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly fanIn: number;
}

/** Weights by name, as they stand in a file. */
export type Weights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

/** Stores the weights in one graph as constants; a layer that is used again gets the same ones. */
export class FrozenParameters implements ParameterSource {
  readonly frozen = true;
  readonly #weights: Weights;
  readonly #stored = new Map<string, Value>();

  constructor(weights: Weights) {
    this.#weights = weights;
  }

  parameter(g: Graph, name: string, shape: readonly number[]): Value {
    const found = this.#weights.get(name);
    if (!found || found.shape.join() !== shape.join()) {
      throw new Error(`weights ${name} [${shape.join(', ')}] are ${found ? `[${found.shape.join(', ')}]` : 'missing'}`);
    }
    const value = this.#stored.get(name) ?? g.constant(shape, found.data, name);
    this.#stored.set(name, value);
    return value;
  }
}

/** Lays all weights out in one vector, a graph input named `weights`: one tensor to bind, to step and to save. */
export class TrainedParameters implements ParameterSource {
  readonly frozen = false;
  readonly places: ParameterPlace[] = [];
  readonly values: Value[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  parameter(g: Graph, name: string, shape: readonly number[], fanIn: number): Value {
    const offset = this.#length;
    const length = elementCount(shape);
    this.#length += length;
    this.places.push({ name, shape, offset, fanIn });
    const value = reshape(g, slice(g, { name: 'weights', shape: [Number.NaN] }, 0, offset, length), shape);
    this.values.push(value);
    return value;
  }

  /** First values, drawn from `random`; weights found in `start` are taken from there. */
  initialise(random: Random, start: Weights = new Map()): Float32Array {
    const vector = new Float32Array(this.#length);
    for (const { name, shape, offset, fanIn } of this.places) {
      const known = start.get(name);
      const length = elementCount(shape);
      if (known && known.data.length === length) vector.set(known.data, offset);
      else if (fanIn > 0) {
        const deviation = Math.sqrt(2 / fanIn);
        for (let index = 0; index < length; index += 1) vector[offset + index] = deviation * random.normal();
      }
    }
    return vector;
  }

  /** The vector cut up again by name. */
  weights(vector: Float32Array): Weights {
    return new Map(
      this.places.map(({ name, shape, offset }) => [
        name,
        { shape, data: vector.slice(offset, offset + elementCount(shape)) },
      ]),
    );
  }
}
