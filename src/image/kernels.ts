import { readFileSync } from 'node:fs';
import type { PixelLayout } from './pixels.js';

/** Node.js has it; its types, before version 22, do not. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** What `kernels.wat` exports. Addresses are in bytes of its memory; a row of pixels lies in it without padding. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  /**
   * out[i] = first · s[0][i] + inner · Σ s[1 … rows − 2][i] + last · s[rows − 1][i], for the first `length` bytes of rows s that
   * begin `pitch` bytes apart. Writes 32-bit floats.
   */
  sumRows(
    source: number,
    pitch: number,
    rows: number,
    length: number,
    first: number,
    inner: number,
    last: number,
    out: number,
  ): void;
  /**
   * The same along a row of floats, pixels of `bytes` of them, for `count` target pixels: each from `starts` on, as many as `counts`
   * says, and with weights of its own for the first and the last. Writes three whole bytes a pixel, in the order of `order`.
   */
  sumColumns(
    row: number,
    bytes: number,
    starts: number,
    counts: number,
    firsts: number,
    lasts: number,
    inner: number,
    count: number,
    order: number,
    out: number,
  ): void;
  /**
   * `count` pixels, bilinear, at (x, y), (x + acrossX, y + acrossY), … in pixels of the source, not beyond its first and last ones.
   * Writes as `sumColumns` does. `beside`: which bytes of a vector of 16-bit numbers hold the second pixel of two.
   */
  sampleRow(
    source: number,
    pitch: number,
    bytes: number,
    lastX: number,
    lastY: number,
    x: number,
    y: number,
    acrossX: number,
    acrossY: number,
    count: number,
    beside: number,
    order: number,
    out: number,
  ): void;
  /** `count` RGB pixels, each the mean of two by two of two rows that begin `pitch` bytes apart. */
  halveRows(source: number, pitch: number, count: number, out: number): void;
}

const MODULE = new WebAssembly.Module(readFileSync(new URL('./kernels.wasm', import.meta.url)));

const PAGE = 65_536;
const VECTOR = 16;
/** A byte of a vector that takes none of another's. */
const NONE = 255;

/**
 * The innermost loops of the resamplers in WebAssembly, for it computes 16 bytes at a time, on every processor the same; what they
 * work on has to lie in their memory.
 */
export class Kernels {
  readonly run = new WebAssembly.Instance(MODULE).exports as Exports;
  #bytes = new Uint8Array(this.run.memory.buffer);

  /** The memory. A view that has been taken before ends with {@link reserve}. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Addresses for blocks of so many bytes each; what was there before may be overwritten. */
  reserve(...sizes: readonly number[]): number[] {
    let end = 0;
    const addresses = sizes.map((size) => {
      const address = end;
      end = aligned(address + size + VECTOR);
      return address;
    });
    const { memory } = this.run;
    const missing = Math.ceil((end - memory.buffer.byteLength) / PAGE);
    if (missing > 0) {
      memory.grow(missing);
      this.#bytes = new Uint8Array(memory.buffer);
    }
    return addresses;
  }

  /** Copies numbers of 32 bits. */
  put(numbers: Int32Array | Float32Array, address: number): void {
    this.#bytes.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), address);
  }
}

/** The next address at which a vector may begin. */
export function aligned(address: number): number {
  return Math.ceil(address / VECTOR) * VECTOR;
}

/** Bytes of a vector: where red, green and blue of its first pixel are. */
export const ORDER_BYTES = VECTOR;
export function orderOf({ red, green, blue }: PixelLayout): Uint8Array {
  const order = new Uint8Array(VECTOR).fill(NONE);
  order.set([red, green, blue]);
  return order;
}

/** Bytes of a vector of 16-bit numbers: where its second pixel is. */
export function besideOf({ bytes }: PixelLayout): Uint8Array {
  return Uint8Array.from({ length: VECTOR }, (_, i) => (i < 2 * bytes ? 2 * bytes + i : NONE));
}
