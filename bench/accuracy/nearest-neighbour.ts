import { Session } from '../../src/infer/ort/session.js';
import { Graph } from '../../src/train/graph.js';
import { add, matmul, relu, square, squareRoot, sumOver } from '../../src/train/operators.js';
import type { Vectors } from './coreset.js';

/** Euclidean distance of each cell's feature to the nearest vector of a memory bank, for all cells in one run. */
export class NearestNeighbour {
  /** Memory of the bank. */
  readonly bytes: number;
  readonly #session: Session;
  readonly #features: Float32Array;
  readonly #distances: Float32Array;
  readonly #run: () => Promise<void>;

  private constructor(session: Session, bank: Vectors, cells: number) {
    this.bytes = bank.data.byteLength;
    this.#session = session;
    this.#features = new Float32Array(bank.dimensions * cells);
    this.#distances = new Float32Array(cells);
    const binding = session.bind(
      { features: { type: 'float32', shape: [bank.dimensions, cells], data: this.#features } },
      { distances: { type: 'float32', shape: [1, cells], data: this.#distances } },
    );
    this.#run = () => session.run(binding);
  }

  static async create(bank: Vectors, cells: number, threads: number): Promise<NearestNeighbour> {
    const { dimensions, data } = bank;
    const vectors = data.length / dimensions;
    const g = new Graph();
    const features = g.input('features', [dimensions, cells]);
    // |x − b|² = |x|² + (|b|² − 2·b·x), and |x|² is the same for every b.
    const products = matmul(
      g,
      g.constant(
        [vectors, dimensions],
        data.map((value) => -2 * value),
      ),
      features,
    );
    const offsets = add(g, products, g.constant([vectors, 1], squaredNorms(bank)));
    const least = g.apply('ReduceMin', [offsets], [1, cells], { attributes: { axes: [0], keepdims: 1 } });
    g.output('distances', squareRoot(g, relu(g, add(g, least, sumOver(g, square(g, features), [0])))));
    const session = await Session.create(g.toModel('nearest neighbour'), { threads });
    return new NearestNeighbour(session, bank, cells);
  }

  /** Features [dimensions × cells] → a distance for each cell, the same memory at every call. */
  async distances(features: Float32Array): Promise<Float32Array> {
    this.#features.set(features);
    await this.#run();
    return this.#distances;
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}

function squaredNorms({ dimensions, data }: Vectors): Float32Array {
  return Float32Array.from({ length: data.length / dimensions }, (_, vector) =>
    data.subarray(vector * dimensions, (vector + 1) * dimensions).reduce((sum, value) => sum + value * value, 0),
  );
}
