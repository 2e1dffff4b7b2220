import type { Binding, ElementType, Session } from '../ort/session.js';
import { allocateTensor } from '../ort/tensor.js';

type Elements = { readonly uint8: Uint8Array; readonly float32: Float32Array };

/** Type and shape of one tile's part of a tensor. */
export interface TileTensor<T extends keyof Elements = keyof Elements> {
  readonly type: T;
  readonly shape: readonly number[];
}

/** By the names of the tensors. */
export type TileTensors = Readonly<Record<string, TileTensor>>;

/** The memory of one tile. */
type Slot<T extends TileTensors> = { readonly [K in keyof T]: Elements[T[K]['type']] };

/**
 * A graph at work on a fixed number of tiles at a time, so that shapes never change: where tiles are lacking at the end, it
 * runs on what was there before.
 */
export class TileBatch<I extends TileTensors, O extends TileTensors> {
  /** Milliseconds that the graph has run, in all. */
  runMs = 0;
  /** Called after each run. */
  onRun: (() => void) | undefined;
  readonly #session: Session;
  readonly #binding: Binding;
  readonly #inputs: readonly Slot<I>[];
  readonly #outputs: readonly Slot<O>[];
  readonly #takers: ((outputs: Slot<O>) => void)[] = [];

  constructor(session: Session, tiles: number, tensors: { readonly inputs: I; readonly outputs: O }) {
    const inputs = batched(tensors.inputs, tiles);
    const outputs = batched(tensors.outputs, tiles);
    this.#session = session;
    this.#binding = session.bind(inputs.tensors, outputs.tensors);
    this.#inputs = inputs.slots;
    this.#outputs = outputs.slots;
  }

  /** Puts a tile in by `fill`; `take` is called with its results at the latest when `flush` ends. */
  async add(fill: (inputs: Slot<I>) => void, take: (outputs: Slot<O>) => void): Promise<void> {
    fill(this.#inputs[this.#takers.length] as Slot<I>);
    this.#takers.push(take);
    if (this.#takers.length === this.#inputs.length) await this.flush();
  }

  /** Runs the graph on the tiles that wait. */
  async flush(): Promise<void> {
    const takers = this.#takers.splice(0);
    if (takers.length === 0) return;
    const begun = performance.now();
    await this.#session.run(this.#binding);
    this.runMs += performance.now() - begun;
    this.onRun?.();
    takers.forEach((take, index) => {
      take(this.#outputs[index] as Slot<O>);
    });
  }

  /** Forgets the tiles that wait, after a failure. */
  clear(): void {
    this.#takers.length = 0;
  }
}

function batched<T extends TileTensors>(tensors: T, tiles: number) {
  const bound = Object.entries(tensors).map(
    ([name, { type, shape }]) => [name, allocateTensor(type as ElementType, [tiles, ...shape])] as const,
  );
  const slots = Array.from({ length: tiles }, (_, index) => {
    const parts = bound.map(([name, { data }]) => {
      const length = data.length / tiles;
      return [name, data.subarray(index * length, (index + 1) * length)];
    });
    return Object.fromEntries(parts) as Slot<T>; // as `allocateTensor` makes them
  });
  return { tensors: Object.fromEntries(bound), slots };
}
