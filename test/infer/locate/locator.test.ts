import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { renderPart } from '../../../src/capture/simulated/render.js';
import { drawVariation } from '../../../src/capture/simulated/variation.js';
import { Cropper } from '../../../src/infer/locate/cropper.js';
import { Locator } from '../../../src/infer/locate/locator.js';
import type { Pose } from '../../../src/infer/locate/pose.js';
import { ReliefMaker, reliefSize } from '../../../src/infer/locate/relief.js';
import { allAtOnce } from '../../../src/pieces.js';
import { learnTemplate } from '../../../src/train/template.js';
import type { Picture } from '../../../src/types.js';
import { angleBetween, reliefOf, turnedPart } from '../../support/turned-parts.js';

const SIDE = 128;
const WHOLE = { x: 0, y: 0, width: SIDE, height: SIDE };

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** Each pixel of an RGB picture as a square of so many. */
function enlarged({ width, height, data }: Picture, times: number): Picture {
  const stride = 3 * width * times;
  const large = new Uint8Array(stride * height * times);
  for (let y = 0; y < height * times; y++) {
    for (let x = 0; x < width * times; x++) {
      const from = 3 * (Math.floor(y / times) * width + Math.floor(x / times));
      for (let channel = 0; channel < 3; channel++) large[y * stride + 3 * x + channel] = data[from + channel]!;
    }
  }
  return { width: width * times, height: height * times, stride, format: 'RGB', data: large };
}

/** A part at a pose is found there, up to radians and pixels. */
function assertFound(locator: Locator, at: Pose, within: { readonly turn: number; readonly place: number }): void {
  const { pose, similarity } = allAtOnce(locator.locate(turnedPart(at), WHOLE));
  const told = `${JSON.stringify(at)} was found as ${JSON.stringify(pose)}, similarity ${similarity}`;
  assert.ok(Math.abs(angleBetween(pose.turn, at.turn)) < within.turn, told);
  assert.ok(Math.hypot(pose.x - at.x, pose.y - at.y) < within.place, told);
  assert.ok(similarity > 0.85, told);
}

describe('finding a part of a known shape', () => {
  const locator = new Locator(reliefOf(turnedPart()), 'everywhere');

  test('pose and similarity are right wherever the part lies and however it is turned', () => {
    for (const [turn, x, y] of [
      [0, 64, 64],
      [0.7, 58, 70],
      [2.1, 71.5, 60.25],
      [-3, 60, 61],
      [-1.57, 66, 72],
    ] as const) {
      assertFound(locator, { turn, x, y }, { turn: 0.01, place: 0.3 });
    }
  });

  test('poses are in template pixels, whatever the size of the picture', () => {
    const { pose } = allAtOnce(
      locator.locate(turnedPart({ size: 160, turn: 1, x: 70, y: 90 }), {
        x: 10,
        y: 20,
        width: 128,
        height: 128,
      }),
    );
    assert.ok(Math.hypot(pose.x - 60, pose.y - 70) < 0.3, JSON.stringify(pose));
  });

  test('the part is found in a picture with many more pixels, some rows of which are left out', () => {
    const there = { size: 160, turn: 1, x: 81, y: 76 };
    for (const times of [12, 16]) {
      const large = enlarged(turnedPart(there), times);
      for (const [x, y] of [
        [0, 0],
        [203, 101],
        [101, 32 * times],
      ] as const) {
        const { pose } = allAtOnce(locator.locate(large, { x, y, width: SIDE * times, height: SIDE * times }));
        const off = Math.hypot(pose.x - (there.x - x / times), pose.y - (there.y - y / times));
        assert.ok(off < 0.3, `${times} times as large: ${JSON.stringify(pose)} from ${x}, ${y}`);
      }
      const outside = { name: 'top', x: 0, y: 32 * times + 1, width: SIDE * times, height: SIDE * times };
      assert.throws(() => allAtOnce(locator.locate(large, outside)), { code: 'SG_REGION_OUTSIDE', message: /"top"/ });
    }
  });

  test('the part is found in regions of any size and shape', () => {
    const box = { x: 10, y: 40, width: 180, height: 120 };
    const middle = { size: 200, x: 100, y: 100 };
    for (const [width, height] of [
      [96, 64],
      [168, 112],
      [192, 128],
      [255, 170],
    ] as const) {
      const relief = new ReliefMaker({ width, height }).make(turnedPart(middle), box);
      const anySize = new Locator(relief, 'everywhere');
      for (let i = 0; i < 12; i++) {
        const part = { size: 200, turn: 0.55 * i, x: 84 + 8 * (i % 5), y: 92 + 8 * (i % 3) };
        const { pose } = allAtOnce(anySize.locate(turnedPart(part), box));
        const off = `${width}×${height}: ${JSON.stringify(part)} was found at ${JSON.stringify(pose)}`;
        assert.ok(Math.abs(angleBetween(pose.turn, part.turn)) < 0.01, off);
        const [x, y] = [((part.x - box.x) * width) / box.width, ((part.y - box.y) * height) / box.height];
        assert.ok(Math.hypot(pose.x - x, pose.y - y) < 0.3, off);
      }
    }
  });

  test('less light, and light that falls off to one side, leave the pose where it is', () => {
    const there = { turn: 2, x: 60, y: 68 };
    for (const light of [{ gain: 0.6 }, { gain: 1.2, slope: 0.5 }]) {
      const { pose, similarity } = allAtOnce(locator.locate(turnedPart({ ...there, ...light }), WHOLE));
      assert.ok(Math.hypot(pose.x - there.x, pose.y - there.y) < 0.3, JSON.stringify(pose));
      assert.ok(Math.abs(angleBetween(pose.turn, there.turn)) < 0.01, JSON.stringify(pose));
      assert.ok(similarity > 0.8, `similarity ${similarity}`);
    }
  });

  test('a disc has a place, and any turn', () => {
    const disc = (x: number, y: number): Picture => {
      const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => {
        const pixel = Math.floor(i / 3);
        const radius = Math.hypot((pixel % SIDE) + 0.5 - x, Math.floor(pixel / SIDE) + 0.5 - y);
        return radius < 14 ? 70 : radius < 34 ? 180 : 40;
      });
      return { width: SIDE, height: SIDE, stride: SIDE * 3, format: 'RGB', data };
    };
    const { pose, similarity } = allAtOnce(
      new Locator(reliefOf(disc(64, 64)), 'everywhere').locate(disc(52, 75), WHOLE),
    );
    assert.ok(Math.hypot(pose.x - 52, pose.y - 75) < 0.5, JSON.stringify(pose));
    assert.ok(similarity > 0.8, `similarity ${similarity}`);
  });

  test('an even region has no part', () => {
    const blank = {
      width: SIDE,
      height: SIDE,
      stride: SIDE * 3,
      format: 'RGB' as const,
      data: new Uint8Array(SIDE * SIDE * 3).fill(90),
    };
    assert.ok(allAtOnce(locator.locate(blank, WHOLE)).similarity < 0.1);
  });
});

describe('finding a part in a fixture', () => {
  const template = reliefOf(turnedPart());
  const locator = new Locator(template, 'nearby');

  test('its play is found to a fraction of a pixel', () => {
    for (const [turn, x, y] of [
      [0, 64, 64],
      [0.01, 63.4, 64.8],
      [-0.03, 65.5, 62],
      [0.06, 61, 66],
    ] as const) {
      assertFound(locator, { turn, x, y }, { turn: 0.005, place: 0.2 });
    }
  });

  test('what is farther off than a fixture allows is looked at as it lies', () => {
    const target = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3) };
    const cropper = new Cropper({ search: 'nearby', template, window: WHOLE, minimumSimilarity: 0.5 });
    const blank = { ...turnedPart(), data: new Uint8Array(SIDE * SIDE * 3).fill(90) };
    for (const picture of [turnedPart({ turn: 1.2 }), turnedPart({ x: 90, y: 40 }), blank]) {
      const found = allAtOnce(cropper.crop(picture, WHOLE, target));
      assert.deepEqual([found?.found, found?.pose], [true, { turn: 0, x: 64, y: 64 }], JSON.stringify(found));
    }
  });
});

describe('finding simulated parts, with a template learnt from others of them', () => {
  const frame = { width: 256, height: 256 };
  const input = { width: 128, height: 112 };
  const whole = { x: 0, y: 0, ...frame };
  const partOf = (index: number) => ({ seed: 21, index, ...frame, format: 'RGB', placement: 'anywhere' }) as const;
  const maker = new ReliefMaker(reliefSize(frame, 'everywhere'));
  const reliefs = Array.from({ length: 36 }, (_, index) => {
    const relief = maker.make(renderPart(partOf(index)).picture, whole);
    return { ...relief, values: relief.values.slice() };
  });
  const template = learnTemplate(reliefs);
  const locator = new Locator(template, 'everywhere');
  const others = Array.from({ length: 24 }, (_, i) => {
    const options = partOf(100 + i);
    return { truth: drawVariation(options), found: allAtOnce(locator.locate(renderPart(options).picture, whole)) };
  });

  test('turn and place are those of the part, up to what is common to all', () => {
    const turns = others.map(({ truth, found }) => angleBetween(found.pose.turn, truth.turn));
    const common = turns.find((one) => median(turns.map((turn) => Math.abs(angleBetween(turn, one)))) < 0.01);
    assert.ok(common !== undefined, `turns are off by ${turns}`);
    assert.ok(
      turns.every((turn) => Math.abs(angleBetween(turn, common)) < 0.01),
      `turns are off by ${turns}`,
    );
    const inPart = others.map(({ truth, found }) => {
      const [dx, dy] = [found.pose.x - truth.centreX, found.pose.y - truth.centreY];
      const [cosine, sine] = [Math.cos(truth.turn), Math.sin(truth.turn)];
      return { x: cosine * dx + sine * dy, y: cosine * dy - sine * dx };
    });
    const middle = { x: median(inPart.map(({ x }) => x)), y: median(inPart.map(({ y }) => y)) };
    const off = inPart.map(({ x, y }) => Math.hypot(x - middle.x, y - middle.y));
    assert.ok(Math.max(...off) < 0.8, `places are off by ${off}`);
    assert.ok(Math.hypot(middle.x, middle.y) < 6, 'the template has the part in its middle');
  });

  test('a belt without a part is not taken for one', () => {
    const least = 0.5 * median(others.map(({ found }) => found.similarity));
    const cropper = new Cropper({
      search: 'everywhere',
      template,
      window: { width: 182, height: 160 },
      minimumSimilarity: least,
    });
    const target = { ...input, data: new Uint8Array(128 * 112 * 3) };
    const { picture } = renderPart(partOf(0));
    assert.equal(allAtOnce(cropper.crop(picture, whole, target))?.found, true);
    // The corners of a frame show the belt alone: one of them, mirrored over the whole frame.
    const corner = 20;
    const belt = Uint8Array.from({ length: 256 * 256 * 3 }, (_, i) => {
      const fold = (at: number) => (at % (2 * corner) < corner ? at % corner : corner - 1 - (at % corner));
      const pixel = Math.floor(i / 3);
      return picture.data[(fold(Math.floor(pixel / 256)) * 256 + fold(pixel % 256)) * 3 + (i % 3)]!;
    });
    const found = allAtOnce(cropper.crop({ ...picture, data: belt }, whole, target));
    assert.equal(found?.found, false, `similarity ${found?.similarity}, ${least} is needed`);
  });
});
