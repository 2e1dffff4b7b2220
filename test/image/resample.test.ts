import assert from 'node:assert/strict';
import test from 'node:test';
import { SideglanceError } from '../../src/errors.js';
import { type RgbWindow, resampleToRgb, resampleWindow } from '../../src/image/resample.js';
import type { Box, Picture, PixelFormat } from '../../src/types.js';

/** The same random picture in any format, with padding of its own at the end of each row. */
function noise(width: number, height: number, format: PixelFormat, padding = 0): Picture {
  const bytes = { GRAY8: 1, RGB: 3, BGRx: 4 }[format];
  const stride = width * bytes + padding;
  const data = new Uint8Array(stride * height).fill(99);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const rgb = [0, 1, 2].map((c) => valueAt(x, y, c)) as [number, number, number];
      const pixel = { GRAY8: [rgb[0]], RGB: rgb, BGRx: [rgb[2], rgb[1], rgb[0], 7] }[format];
      data.set(pixel, y * stride + x * bytes);
    }
  }
  return { width, height, stride, format, data };
}

function valueAt(x: number, y: number, channel: number): number {
  let h = Math.imul(x + 1, 0x9e3779b1) ^ Math.imul(y + 1, 0x85ebca6b) ^ Math.imul(channel + 1, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 13)) & 255;
}

function resample(picture: Picture, box: Box, width: number, height: number): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  resampleToRgb(picture, box, { width, height, data });
  return data;
}

/** One axis, by the definition: the overlap of each source pixel with the target pixel, or the two nearest centres. */
function slowWeights(from: number, length: number, size: number, t: number, frame: number): number[] {
  const step = length / size;
  const weights = new Array<number>(frame).fill(0);
  if (step >= 1) {
    for (let i = 0; i < frame; i++) {
      const overlap = Math.min(i + 1, from + (t + 1) * step) - Math.max(i, from + t * step);
      weights[i] = Math.max(0, overlap) / step;
    }
    return weights;
  }
  const lowest = Math.floor(from);
  const highest = Math.ceil(from + length) - 1;
  const centre = Math.min(highest, Math.max(lowest, from + (t + 0.5) * step - 0.5));
  for (let i = lowest; i <= highest; i++) weights[i] = Math.max(0, 1 - Math.abs(centre - i));
  return weights;
}

function slowResample(picture: Picture, box: Box, width: number, height: number): number[] {
  const out: number[] = [];
  for (let ty = 0; ty < height; ty++) {
    const down = slowWeights(box.y, box.height, height, ty, picture.height);
    for (let tx = 0; tx < width; tx++) {
      const across = slowWeights(box.x, box.width, width, tx, picture.width);
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let y = 0; y < picture.height; y++) {
          if (down[y] === 0) continue;
          for (let x = 0; x < picture.width; x++) sum += down[y]! * across[x]! * valueAt(x, y, c);
        }
        out.push(sum);
      }
    }
  }
  return out;
}

const FRAME = { width: 61, height: 47 };
const CASES: { name: string; box: Box; width: number; height: number }[] = [
  { name: 'whole multiples', box: { x: 0, y: 0, width: 60, height: 45 }, width: 12, height: 9 },
  { name: 'odd ratios', box: { x: 3, y: 2, width: 50, height: 41 }, width: 17, height: 13 },
  { name: 'a fractional box', box: { x: 1.25, y: 7.5, width: 44.3, height: 30.9 }, width: 16, height: 16 },
  { name: 'a box of the same size at half pixels', box: { x: 4.5, y: 4.5, width: 8, height: 8 }, width: 8, height: 8 },
  { name: 'barely shrinking', box: { x: 0, y: 0, width: 61, height: 47 }, width: 60, height: 46 },
  { name: 'enlarging', box: { x: 10, y: 11, width: 7, height: 5 }, width: 32, height: 24 },
  {
    name: 'enlarging a fractional box at the edge',
    box: { x: 53.4, y: 40.2, width: 7.6, height: 6.8 },
    width: 32,
    height: 20,
  },
  { name: 'shrinking across, enlarging down', box: { x: 0, y: 3, width: 61, height: 9 }, width: 20, height: 30 },
  { name: 'one pixel out of many', box: { x: 0, y: 0, width: 61, height: 47 }, width: 1, height: 1 },
  { name: 'many pixels out of one', box: { x: 60, y: 46, width: 1, height: 1 }, width: 3, height: 2 },
];

for (const { name, box, width, height } of CASES) {
  test(`equals the plain definition within rounding: ${name}`, () => {
    const picture = noise(FRAME.width, FRAME.height, 'RGB');
    const fast = resample(picture, box, width, height);
    slowResample(picture, box, width, height).forEach((exact, i) => {
      assert.ok(Math.abs(fast[i]! - exact) < 0.501, `sample ${i}: ${fast[i]} for ${exact}`);
    });
  });

  test(`gives the same bytes from RGB and from padded BGRx: ${name}`, () => {
    const rgb = resample(noise(FRAME.width, FRAME.height, 'RGB'), box, width, height);
    const bgrx = resample(noise(FRAME.width, FRAME.height, 'BGRx', 12), box, width, height);
    assert.deepEqual(bgrx, rgb);
  });

  test(`gives grey the values that its first channel has in colour: ${name}`, () => {
    const rgb = resample(noise(FRAME.width, FRAME.height, 'RGB'), box, width, height);
    const grey = resample(noise(FRAME.width, FRAME.height, 'GRAY8', 3), box, width, height);
    for (let i = 0; i < grey.length; i += 3) assert.deepEqual([...grey.subarray(i, i + 3)], Array(3).fill(rgb[i]));
  });
}

for (const format of ['GRAY8', 'RGB', 'BGRx'] as const) {
  test(`copies ${format} unchanged when the sizes are equal`, () => {
    const out = resample(noise(20, 10, format, 5), { x: 4, y: 3, width: 9, height: 6 }, 9, 6);
    for (let y = 0, i = 0; y < 6; y++) {
      for (let x = 0; x < 9; x++) {
        for (let c = 0; c < 3; c++, i++) assert.equal(out[i], valueAt(x + 4, y + 3, format === 'GRAY8' ? 0 : c));
      }
    }
  });
}

test('keeps the extremes: white stays 255 and black 0 at any scale', () => {
  for (const value of [0, 255]) {
    const picture = { ...noise(97, 53, 'RGB'), data: new Uint8Array(97 * 53 * 3).fill(value) };
    for (const [width, height] of [
      [31, 17],
      [96, 52],
      [200, 111],
    ] as const) {
      const out = resample(picture, { x: 0, y: 0, width: 97, height: 53 }, width, height);
      assert.ok(out.every((v) => v === value));
    }
  }
});

test('a pixel may be the mean of thousands of rows, white ones too', () => {
  const height = 1300;
  for (const [format, bytes] of [
    ['GRAY8', 1],
    ['RGB', 3],
    ['BGRx', 4],
  ] as const) {
    const white = { width: 9, height, stride: 9 * bytes, format, data: new Uint8Array(9 * bytes * height).fill(255) };
    assert.deepEqual(resample(white, { x: 0, y: 0, width: 9, height }, 4, 1), new Uint8Array(12).fill(255), format);
    const striped = { ...white, data: white.data.map((_, i) => (Math.floor(i / white.stride) % 4 === 0 ? 200 : 0)) };
    assert.deepEqual(resample(striped, { x: 0, y: 0, width: 9, height }, 4, 1), new Uint8Array(12).fill(50), format);
  }
});

test('is the same on a second call and after many other geometries', () => {
  const picture = noise(61, 47, 'RGB');
  const box = { x: 0.5, y: 0, width: 60, height: 47 };
  const once = resample(picture, box, 24, 24);
  for (let i = 1; i < 80; i++) resample(picture, { ...box, width: 60 - i / 2 }, 24, 24);
  assert.deepEqual(resample(picture, box, 24, 24), once);
});

test('a region outside the frame is refused with its name and both sizes', () => {
  const picture = noise(64, 48, 'GRAY8');
  for (const box of [
    { x: 40, y: 0, width: 25, height: 48 },
    { x: 0, y: 0, width: 64, height: 49 },
    { x: -1, y: 0, width: 10, height: 10 },
    { x: Number.NaN, y: 0, width: 10, height: 10 },
  ]) {
    assert.throws(
      () => resampleToRgb(picture, { ...box, name: 'lid' }, { width: 8, height: 8, data: new Uint8Array(192) }),
      (error: unknown) =>
        error instanceof SideglanceError &&
        error.code === 'SG_REGION_OUTSIDE' &&
        error.message.includes('"lid"') &&
        error.message.includes(`${box.width}×${box.height}`) &&
        error.message.includes('64×48'),
    );
  }
});

test('an empty region is refused', () => {
  for (const size of [
    { width: 0, height: 4 },
    { width: 4, height: 0 },
    { width: -3, height: 4 },
  ]) {
    assert.throws(() => resample(noise(8, 8, 'RGB'), { x: 0, y: 0, ...size }, 4, 4), { code: 'SG_REGION_OUTSIDE' });
  }
});

test('a box that overshoots the frame by rounding is taken as the frame', () => {
  const picture = noise(64, 48, 'RGB');
  const exact = resample(picture, { x: 0, y: 0, width: 64, height: 48 }, 16, 12);
  assert.deepEqual(resample(picture, { x: 0, y: 0, width: 64 + 1e-9, height: 48 }, 16, 12), exact);
});

test('a picture that holds less than it says is refused', () => {
  const whole = { x: 0, y: 0, width: 8, height: 8 };
  const picture = noise(8, 8, 'RGB');
  assert.throws(() => resample({ ...picture, data: picture.data.subarray(1) }, whole, 4, 4), {
    code: 'SG_FRAME_FORMAT',
  });
  assert.throws(() => resample({ ...picture, stride: 23 }, whole, 4, 4), { code: 'SG_FRAME_FORMAT' });
  const planar = { ...picture, format: 'I420' as unknown as PixelFormat };
  assert.throws(() => resample(planar, whole, 4, 4), { code: 'SG_FRAME_FORMAT' });
});

for (const { name, box, width, height } of CASES) {
  test(`a window shows what the whole target shows there, and leaves the rest of its memory alone: ${name}`, () => {
    for (const format of ['GRAY8', 'RGB', 'BGRx'] as const) {
      const picture = noise(FRAME.width, FRAME.height, format, 5);
      const whole = resample(picture, box, width, height);
      const window = { x: width >> 1, y: height >> 2, width: width - (width >> 1), height: Math.ceil(height / 2) };
      const [offset, pitch] = [7, 3 * window.width + 4];
      const data = new Uint8Array(offset + pitch * window.height).fill(1);
      const expected = data.slice();
      for (let y = 0; y < window.height; y++) {
        const from = 3 * ((window.y + y) * width + window.x);
        expected.set(whole.subarray(from, from + 3 * window.width), offset + y * pitch);
      }
      resampleWindow(picture, box, { width, height }, { ...window, data, offset, pitch });
      assert.deepEqual(data, expected, format);
    }
  });
}

test('a window that is not inside the target, or does not fit its memory, is a mistake of the caller', () => {
  const picture = noise(20, 20, 'RGB');
  const box = { x: 0, y: 0, width: 20, height: 20 };
  const fill = (window: Partial<RgbWindow>) => {
    const all = { x: 0, y: 0, width: 10, height: 10, data: new Uint8Array(300), offset: 0, pitch: 30, ...window };
    resampleWindow(picture, box, { width: 10, height: 10 }, all);
  };
  fill({});
  for (const wrong of [{ x: 1 }, { y: -1 }, { width: 0 }, { offset: 1 }, { pitch: 31 }]) {
    assert.throws(() => fill(wrong), RangeError, JSON.stringify(wrong));
  }
});
