import { GLOBAL_NET } from '../../src/train/networks/global-net.js';
import { LOCAL_BLOCKS, LOCAL_NET } from '../../src/train/networks/local-net.js';
import type { Weights } from '../../src/train/networks/parameters.js';
import type { PositionNorm } from '../../src/train/position/norm.js';

/**
 * The method as the paper states it, for one patch at a time, by plain loops: Z_l from a crop of the mirrored image,
 * Z_g = G(I, M_0) with the patch masked out pixel by pixel and every mask carried along. Slow, and independent of the
 * one-pass networks: it shares nothing with them but their weights.
 */

/** Channels × rows × columns. */
export interface Planes {
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

const at = (x: Planes, c: number, y: number, z: number) => x.data[(c * x.rows + y) * x.columns + z] as number;

function planes(
  channels: number,
  rows: number,
  columns: number,
  value: (c: number, y: number, x: number) => number,
): Planes {
  const data = new Float64Array(channels * rows * columns);
  let index = 0;
  for (let c = 0; c < channels; c += 1) {
    for (let y = 0; y < rows; y += 1) for (let x = 0; x < columns; x += 1) data[index++] = value(c, y, x);
  }
  return { channels, rows, columns, data };
}

/** RGB bytes → −1…1. */
export function pixelPlanes(bytes: Uint8Array, height: number, width: number): Planes {
  return planes(3, height, width, (c, y, x) => (bytes[(y * width + x) * 3 + c] as number) / 127.5 - 1);
}

export class PatchwiseModel {
  readonly #weights: Weights;
  readonly #image: Planes;
  readonly #mirrored: Planes;
  readonly #norm: PositionNorm;
  readonly rows: number;
  readonly columns: number;

  constructor(weights: Weights, image: Planes, norm: PositionNorm) {
    const { border, stride } = LOCAL_NET;
    this.#weights = weights;
    this.#image = image;
    this.#norm = norm;
    this.rows = image.rows / stride;
    this.columns = image.columns / stride;
    const mirror = (p: number, length: number) => (p < 0 ? -p : p >= length ? 2 * (length - 1) - p : p);
    this.#mirrored = planes(3, image.rows + 2 * border, image.columns + 2 * border, (c, y, x) =>
      at(image, c, mirror(y - border, image.rows), mirror(x - border, image.columns)),
    );
  }

  /** Z_l of the patch around cell (row, column), normalised. */
  localFeature(row: number, column: number): Float64Array {
    const { patch, stride } = LOCAL_NET;
    const crop = planes(3, patch, patch, (c, dy, dx) => at(this.#mirrored, c, row * stride + dy, column * stride + dx));
    let x = rectified6(this.#plain(crop, 'local.stem'));
    x = rectified6(this.#depthwise(x, 'local.0.depthwise', 1));
    let fine = x;
    LOCAL_BLOCKS.forEach((block, index) => {
      const parts = block.branches.map(({ clipped }, branch) => {
        const name = `local.${index + 1}.${branch}`;
        const activated = clipped ? rectified6 : rectified;
        const wide = activated(this.#plain(x, `${name}.expand`));
        return this.#plain(activated(this.#depthwise(wide, `${name}.depthwise`, block.stride)), `${name}.project`);
      });
      const [out] = parts as [Planes];
      const before = x;
      const skip = (c: number, y: number, z: number) => (block.stride === 1 ? at(before, c, y + 1, z + 1) : 0);
      x = planes(out.channels, out.rows, out.columns, (c, y, z) =>
        parts.reduce((sum, part) => sum + at(part, c, y, z), skip(c, y, z)),
      );
      if (index === 1) fine = x;
    });
    if (x.rows !== 2 || fine.rows !== 13) throw new Error('a patch must give 2 × 2 features, and 13 × 13 fine ones');
    return this.#normalised(Float64Array.from([...means(x, 0, 2), ...means(fine, 5, 4).slice(0, 24)]), row, column);
  }

  /** A·W·(Z_l − mean) */
  #normalised(raw: Float64Array, row: number, column: number): Float64Array {
    const { mean, whitening, factors } = this.#norm;
    const n = raw.length;
    const cell = row * this.columns + column;
    const centred = raw.map((value, c) => value - (mean[c * this.rows * this.columns + cell] as number));
    const times = (matrix: Float32Array, offset: number, x: Float64Array) =>
      x.map((_, k) => x.reduce((sum, value, c) => sum + (matrix[offset + k * n + c] as number) * value, 0));
    const whitened = times(whitening, 0, centred);
    return factors ? times(factors, cell * n * n, whitened) : whitened;
  }

  /** μ and log σ² of the patch around cell (row, column), from the image with the patch masked out. */
  globalFeature(row: number, column: number, local: (row: number, column: number) => Float64Array): Float64Array {
    const { stride, border, patch } = LOCAL_NET;
    // M_0: a pixel of the image is masked when it lies in the patch (what the mirror shows of it included).
    const [top, left] = [row * stride - border, column * stride - border];
    const masked = (y: number, x: number) => y >= top && y < top + patch && x >= left && x < left + patch;
    const anyMasked = (y0: number, x0: number, side: number) => {
      for (let y = Math.max(0, y0); y < Math.min(this.#image.rows, y0 + side); y += 1) {
        for (let x = Math.max(0, x0); x < Math.min(this.#image.columns, x0 + side); x += 1)
          if (masked(y, x)) return true;
      }
      return false;
    };
    const inside = (r: number, c: number) => r >= 0 && r < this.rows && c >= 0 && c < this.columns;
    const narrowValid = (r: number, c: number) =>
      inside(r, c) && !anyMasked(r * stride - border, c * stride - border, patch);
    const narrow = memo((r, c) => rectify(this.#dense(local(r, c), 'global.narrow')));
    const near = this.#partial('global.near', 3, 5, row, column, narrowValid, narrow);

    const neighbours = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => [dy, dx] as const));
    const meanValid = (r: number, c: number) => neighbours.every(([dy, dx]) => narrowValid(r + dy, c + dx));
    const mean = memo((r, c) => {
      const sum = new Float64Array(GLOBAL_NET.reduced);
      for (const [dy, dx] of neighbours)
        narrow(r + dy, c + dx).forEach((value, k) => {
          sum[k]! += value / 9;
        });
      return sum;
    });
    const far = this.#partial('global.far', 7, 3, row, column, meanValid, mean);

    const stemValid = (r: number, c: number) => inside(r, c) && !anyMasked(r * stride, c * stride, stride);
    const stem = memo((r, c) => this.#stem(r, c));
    const fine = this.#partial('global.fine', 3, 3, row, column, stemValid, stem);

    const joined = this.#dense(rectify(Float64Array.from([...near, ...far, ...fine])), 'global.join');
    const place = this.#matrix('global.position.weight', this.#position(row, column));
    const hidden = this.#dense(rectify(joined.map((value, k) => value + (place[k] as number))), 'global.hidden');
    return this.#dense(rectify(hidden), 'global.out');
  }

  /** x' = Wᵀ(X⊙M)·sum(1)/sum(M) + b; sum(1) counts the taps that a mask may ever let through. */
  #partial(
    name: string,
    size: number,
    dilation: number,
    row: number,
    column: number,
    valid: (r: number, c: number) => boolean,
    value: (r: number, c: number) => Float64Array,
  ): Float64Array {
    const { data, shape } = this.#weight(`${name}.weight`);
    const [out, channels] = shape as [number, number];
    const sum = new Float64Array(out);
    const reach = (size - 1) / 2;
    let seen = 0;
    for (let ky = 0; ky < size; ky += 1) {
      for (let kx = 0; kx < size; kx += 1) {
        const [r, c] = [row + (ky - reach) * dilation, column + (kx - reach) * dilation];
        if (!valid(r, c)) continue;
        seen += 1;
        const x = value(r, c);
        for (let o = 0; o < out; o += 1) {
          for (let k = 0; k < channels; k += 1) {
            sum[o]! += (data[((o * channels + k) * size + ky) * size + kx] as number) * (x[k] as number);
          }
        }
      }
    }
    const taps = { 'global.near': 9 - 1, 'global.far': 49 - 9, 'global.fine': 9 - 1 }[name] as number;
    const bias = this.#weight(`${name}.bias`).data;
    return sum.map((total, o) => (seen > 0 ? (total * taps) / seen + (bias[o] as number) : 0));
  }

  #stem(row: number, column: number): Float64Array {
    const { stride } = LOCAL_NET;
    const cell = planes(3, stride, stride, (c, y, x) => at(this.#image, c, row * stride + y, column * stride + x));
    const blocks = rectified(this.#blockwise(cell, 'global.stem.1', 4));
    return rectified(this.#blockwise(blocks, 'global.stem.2', 2)).data;
  }

  #position(row: number, column: number): Float64Array {
    const angles = [(row + 0.5) / this.rows, (column + 0.5) / this.columns];
    return Float64Array.from(
      GLOBAL_NET.frequencies.flatMap((f) =>
        angles.flatMap((a) => [Math.sin(2 * Math.PI * f * a), Math.cos(2 * Math.PI * f * a)]),
      ),
    );
  }

  #depthwise(x: Planes, name: string, stride: number): Planes {
    const { data } = this.#weight(`${name}.weight`);
    const bias = this.#weight(`${name}.bias`).data;
    const after = (side: number) => Math.floor((side - 3) / stride) + 1;
    return planes(x.channels, after(x.rows), after(x.columns), (c, y, z) => {
      let sum = bias[c] as number;
      for (let tap = 0; tap < 9; tap += 1) {
        const [dy, dx] = [Math.floor(tap / 3), tap % 3];
        sum += (data[c * 9 + tap] as number) * at(x, c, stride * y + dy, stride * z + dx);
      }
      return sum;
    });
  }

  /** A convolution of size `block` and stride `block`, from weights stored as 1 × 1 over blocks. */
  #blockwise(x: Planes, name: string, block: number): Planes {
    const { data, shape } = this.#weight(`${name}.weight`);
    const [out, width] = shape as [number, number];
    const bias = this.#weight(`${name}.bias`).data;
    return planes(out, x.rows / block, x.columns / block, (o, y, z) => {
      let sum = bias[o] as number;
      for (let k = 0; k < width; k += 1) {
        const place = Math.floor(k / x.channels);
        sum +=
          (data[o * width + k] as number) *
          at(x, k % x.channels, y * block + Math.floor(place / block), z * block + (place % block));
      }
      return sum;
    });
  }

  #plain(x: Planes, name: string): Planes {
    const { data, shape } = this.#weight(`${name}.weight`);
    const [out, channels, size] = shape as [number, number, number];
    const bias = this.#weight(`${name}.bias`).data;
    return planes(out, x.rows - size + 1, x.columns - size + 1, (o, y, z) => {
      let sum = bias[o] as number;
      for (let c = 0; c < channels; c += 1) {
        for (let dy = 0; dy < size; dy += 1) {
          for (let dx = 0; dx < size; dx += 1) {
            sum += (data[((o * channels + c) * size + dy) * size + dx] as number) * at(x, c, y + dy, z + dx);
          }
        }
      }
      return sum;
    });
  }

  #dense(x: Float64Array, name: string): Float64Array {
    const bias = this.#weight(`${name}.bias`).data;
    return this.#matrix(`${name}.weight`, x).map((value, o) => value + (bias[o] as number));
  }

  #matrix(name: string, x: Float64Array): Float64Array {
    const { data, shape } = this.#weight(name);
    const [out, width] = shape as [number, number];
    return Float64Array.from({ length: out }, (_, o) => {
      let sum = 0;
      for (let k = 0; k < width; k += 1) sum += (data[o * width + k] as number) * (x[k] as number);
      return sum;
    });
  }

  #weight(name: string): { readonly shape: readonly number[]; readonly data: Float32Array } {
    const found = this.#weights.get(name);
    if (!found) throw new Error(`no weights ${name}`);
    return found;
  }
}

const rectify = (x: Float64Array) => x.map((value) => Math.max(0, value));
const rectified6 = (x: Planes): Planes => ({ ...x, data: x.data.map((value) => Math.max(0, Math.min(6, value))) });
const rectified = (x: Planes): Planes => ({ ...x, data: rectify(x.data) });

/** Mean of each channel over the square of `side` × `side` that begins at `start`, `start`. */
function means(x: Planes, start: number, side: number): number[] {
  return Array.from({ length: x.channels }, (_, c) => {
    let sum = 0;
    for (let y = start; y < start + side; y += 1) for (let z = start; z < start + side; z += 1) sum += at(x, c, y, z);
    return sum / side ** 2;
  });
}

function memo(compute: (r: number, c: number) => Float64Array): (r: number, c: number) => Float64Array {
  const known = new Map<number, Float64Array>();
  return (r, c) => {
    const key = r * 4096 + c;
    const value = known.get(key) ?? compute(r, c);
    known.set(key, value);
    return value;
  };
}
