import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resampleToRgb } from '../../src/image/resample.js';
import { PosedResampler } from '../../src/image/resample-posed.js';
import { allAtOnce } from '../../src/pieces.js';
import { Random } from '../../src/random.js';
import type { Picture, PixelFormat } from '../../src/types.js';

function pictureOf(width: number, height: number, greyAt: (x: number, y: number) => number): Picture {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return Math.max(0, greyAt(pixel % width, Math.floor(pixel / width)) - 20 * (i % 3));
  });
  return { width, height, stride: width * 3, format: 'RGB', data };
}

/** A full turn: the pose of an upright part, by the way of all turned ones. */
const FULL_TURN = 2 * Math.PI;
const scene = pictureOf(48, 40, (x, y) => (x * 37 + y * 91 + x * y * 13) % 256);
const whole = { x: 0, y: 0, width: 48, height: 40 };

function posed(
  picture: Picture,
  box: typeof whole,
  turn: number,
  width: number,
  height: number,
  x = width / 2,
  y = height / 2,
) {
  const target = { width, height, data: new Uint8Array(width * height * 3) };
  const whole = { width, height };
  allAtOnce(new PosedResampler().resample(picture, box, { frame: whole, window: whole, turn, x, y }, target));
  return target.data;
}

function plain(picture: Picture, box: typeof whole, width: number, height: number) {
  const target = { width, height, data: new Uint8Array(width * height * 3) };
  resampleToRgb(picture, box, target);
  return target.data;
}

function assertNear(actual: Uint8Array, expected: Uint8Array, most: number): void {
  const worst = actual.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i]!)), 0);
  assert.ok(worst <= most, `differs by ${worst}`);
}

test('an upright pose is the plain resampling: for a copy, half the size, and a part of the frame', () => {
  const part = { x: 8, y: 6, width: 32, height: 24 };
  for (const turn of [0, FULL_TURN]) {
    assertNear(posed(scene, whole, turn, 48, 40), plain(scene, whole, 48, 40), 1);
    assertNear(posed(scene, whole, turn, 24, 20), plain(scene, whole, 24, 20), 1);
    assertNear(posed(scene, part, turn, 32, 24), plain(scene, part, 32, 24), 1);
    assertNear(posed(scene, part, turn, 16, 12), plain(scene, part, 16, 12), 1);
  }
});

test('a quarter turn moves pixels and changes none', () => {
  const square = pictureOf(32, 32, (x, y) => (x * 37 + y * 91) % 256);
  const turned = posed(square, { x: 0, y: 0, width: 32, height: 32 }, Math.PI / 2, 32, 32);
  // The target's x axis points down in the frame, its y axis to the left.
  const expected = pictureOf(32, 32, (x, y) => ((31 - y) * 37 + x * 91) % 256);
  assertNear(turned, expected.data, 1);
});

test('a shift is one in target pixels', () => {
  const shifted = posed(scene, whole, FULL_TURN, 24, 20, 12 + 3, 10 - 2);
  const straight = plain(scene, whole, 24, 20);
  for (let y = 4; y < 18; y++) {
    for (let x = 2; x < 18; x++) {
      assert.ok(Math.abs(shifted[(y * 24 + x) * 3]! - straight[((y - 2) * 24 + x + 3) * 3]!) <= 1, `at ${x}, ${y}`);
    }
  }
});

test('shrinking averages: a fine pattern becomes even grey and no coarse pattern, at any turn', () => {
  const board = pictureOf(128, 128, (x, y) => ((x + y) % 2 === 0 ? 240 : 40));
  for (const turn of [FULL_TURN, 0.3, 1]) {
    const small = posed(board, { x: 0, y: 0, width: 128, height: 128 }, turn, 32, 32);
    for (let y = 10; y < 22; y++) {
      for (let x = 10; x < 22; x++)
        assert.ok(Math.abs(small[(y * 32 + x) * 3]! - 140) < 25, `turn ${turn} at ${x}, ${y}`);
    }
  }
});

test('noise is left about as strong wherever a window lies between pixels', () => {
  const random = new Random(2);
  const noise = pictureOf(128, 128, () => 60 + random.below(150));
  for (const side of [64, 40, 24]) {
    const deviations = [0, 0.25, 0.5].map((share) => {
      const data = posed(
        noise,
        { x: 0, y: 0, width: 128, height: 128 },
        FULL_TURN,
        side,
        side,
        side / 2 + share,
        side / 2 + share,
      );
      const values = [...data.filter((_, i) => i % 3 === 0)];
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    });
    const share = Math.min(...deviations) / Math.max(...deviations);
    assert.ok(share > 0.7, `${side}: ${deviations.map((one) => one.toFixed(1)).join(', ')}`);
  }
});

test('a window is a part of the box, and as large in the target as the target is', () => {
  const target = { width: 32, height: 24, data: new Uint8Array(32 * 24 * 3) };
  // The window of 8 × 6 pixels of a frame half as large as the box covers 16 × 12 pixels of it.
  const view = { frame: { width: 24, height: 20 }, window: { width: 8, height: 6 }, turn: 0, x: 9, y: 8 };
  allAtOnce(new PosedResampler().resample(scene, whole, view, target));
  const expected = plain(scene, { x: 10, y: 10, width: 16, height: 12 }, 32, 24);
  // Not at the rim: there the plain resampling clamps to its box.
  for (let y = 1; y < 23; y++) {
    for (let x = 1; x < 31; x++) {
      const at = (y * 32 + x) * 3;
      assert.ok(Math.abs(target.data[at]! - expected[at]!) <= 1, `at ${x}, ${y}`);
    }
  }
});

test('pixels are bilinear between the four around them, at any turn and up to the edge', () => {
  for (const turn of [0.01, 0.4, 2.5, -1.2]) {
    const actual = posed(scene, whole, turn, 48, 40, 25.3, 18.9);
    for (let y = 0; y < 40; y++) {
      for (let x = 0; x < 48; x++) {
        const [across, down] = [x + 0.5 - 24, y + 0.5 - 20];
        const atX = Math.min(47, Math.max(0, 25.3 + across * Math.cos(turn) - down * Math.sin(turn) - 0.5));
        const atY = Math.min(39, Math.max(0, 18.9 + across * Math.sin(turn) + down * Math.cos(turn) - 0.5));
        const [left, top] = [Math.min(46, Math.floor(atX)), Math.min(38, Math.floor(atY))];
        const [right, low] = [atX - left, atY - top];
        for (let channel = 0; channel < 3; channel++) {
          const value = (dx: number, dy: number) => scene.data[((top + dy) * 48 + left + dx) * 3 + channel]!;
          const upper = value(0, 0) * (1 - right) + value(1, 0) * right;
          const lower = value(0, 1) * (1 - right) + value(1, 1) * right;
          const expected = upper * (1 - low) + lower * low;
          const difference = Math.abs(actual[(y * 48 + x) * 3 + channel]! - expected);
          assert.ok(difference < 0.6, `turn ${turn}: differs by ${difference} at ${x}, ${y}, ${channel}`);
        }
      }
    }
  }
});

test('a large picture through a turned window is the scene as it is there, beyond the box, too', () => {
  const brightness = (x: number, y: number) => 128 + 100 * Math.sin(x / 31) * Math.cos(y / 43);
  const large = pictureOf(640, 480, (x, y) => Math.round(brightness(x, y)));
  const box = { x: 160, y: 120, width: 320, height: 240 };
  const turn = 0.4;
  // At more than twice as many pixels as the target has, whole ones and not.
  for (const [width, height] of [
    [64, 48],
    [43, 32],
    [140, 105],
  ] as const) {
    const small = posed(large, box, turn, width, height);
    const scale = box.width / width;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [across, down] = [(x + 0.5) * scale - 160, (y + 0.5) * scale - 120];
        const fromX = 320 + across * Math.cos(turn) - down * Math.sin(turn) - 0.5;
        const fromY = 240 + across * Math.sin(turn) + down * Math.cos(turn) - 0.5;
        const difference = Math.abs(small[(y * width + x) * 3]! - brightness(fromX, fromY));
        assert.ok(difference < 5, `${width} × ${height}: differs by ${difference} at ${x}, ${y}`);
      }
    }
  }
});

test('a large picture has an edge that goes on, too', () => {
  const large = pictureOf(300, 200, (x, y) => (x < 100 ? 40 + y : 200));
  // A window to the left of the frame.
  const far = posed(large, { x: 0, y: 0, width: 300, height: 200 }, 0, 30, 20, 15 - 40, 10);
  for (let y = 0; y < 20; y++) {
    for (let x = 0; x < 30; x++) assert.ok(Math.abs(far[(y * 30 + x) * 3]! - (44.5 + 10 * y)) <= 1, `at ${x}, ${y}`);
  }
});

test('outside the frame its edge goes on', () => {
  const far = posed(scene, whole, FULL_TURN, 48, 40, 24 - 48, 20);
  for (let y = 0; y < 40; y++) {
    for (let x = 0; x < 47; x++) assert.equal(far[(y * 48 + x) * 3], scene.data[y * 48 * 3], `at ${x}, ${y}`);
  }
});

test('all pixel formats give the same', () => {
  const grey = pictureOf(48, 40, (x, y) => 40 + ((x * 37 + y * 91) % 200));
  const formats: [PixelFormat, number, (i: number, channel: number) => number][] = [
    ['BGRx', 4, (i, channel) => (channel === 3 ? 7 : grey.data[3 * i + 2 - channel]!)],
    ['GRAY8', 1, (i) => grey.data[3 * i]!],
  ];
  for (const [format, bytes, valueAt] of formats) {
    const data = Uint8Array.from({ length: 48 * 40 * bytes }, (_, i) => valueAt(Math.floor(i / bytes), i % bytes));
    const expected = posed(grey, whole, 0.4, 24, 20);
    const actual = posed({ ...grey, format, stride: 48 * bytes, data }, whole, 0.4, 24, 20);
    for (let i = 0; i < expected.length; i += format === 'GRAY8' ? 3 : 1) {
      assert.equal(actual[i], expected[i], `${format} at ${i}`);
    }
  }
});
