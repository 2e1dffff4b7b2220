import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SIMULATED_DEFECTS } from '../../../src/capture/simulated/defects.js';
import { type RenderOptions, renderPart } from '../../../src/capture/simulated/render.js';

const SMALL: RenderOptions = { seed: 7, index: 3, width: 256, height: 256, format: 'GRAY8', placement: 'aligned' };

describe('a simulated part', () => {
  it('is the same, bit for bit, for the same seed and index, whatever was rendered between', () => {
    const first = renderPart({ ...SMALL, defect: 'random' });
    renderPart({ ...SMALL, index: 9, defect: 'stain' });
    renderPart({ ...SMALL, width: 320, height: 240, format: 'RGB', placement: 'anywhere' });
    renderPart({ ...SMALL, width: 200, height: 200 });
    const second = renderPart({ ...SMALL, defect: 'random' });
    assert.deepEqual(second, first);
  });

  it('differs from its neighbour and from the same part of another line', () => {
    const part = renderPart(SMALL).picture.data;
    for (const other of [renderPart({ ...SMALL, index: 4 }), renderPart({ ...SMALL, seed: 8 })]) {
      const changed = other.picture.data.filter((value, i) => Math.abs(value - part[i]!) > 3).length;
      assert.ok(changed > 0.2 * part.length, `${changed} of ${part.length} pixels differ`);
    }
  });

  it('comes in both formats and in frames that are not square', () => {
    const grey = renderPart({ ...SMALL, width: 320, height: 240 }).picture;
    assert.deepEqual([grey.width, grey.height, grey.stride, grey.data.length], [320, 240, 320, 320 * 240]);
    const colour = renderPart({ ...SMALL, width: 320, height: 240, format: 'RGB' }).picture;
    assert.deepEqual([colour.format, colour.stride, colour.data.length], ['RGB', 960, 3 * 320 * 240]);
    let distance = 0;
    for (let i = 0; i < grey.data.length; i++) {
      const luma = 0.299 * colour.data[3 * i]! + 0.587 * colour.data[3 * i + 1]! + 0.114 * colour.data[3 * i + 2]!;
      distance += Math.abs(luma - grey.data[i]!) / grey.data.length;
    }
    assert.ok(distance < 4, `the colour picture has the brightness of the grey one, to ${distance.toFixed(2)} levels`);
  });

  it('uses the range of the sensor without clipping much of it', () => {
    const { data } = renderPart(SMALL).picture;
    const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
    assert.ok(mean > 40 && mean < 180, `mean ${mean}`);
    const clipped = data.filter((value) => value === 0 || value === 255).length;
    assert.ok(clipped < 0.01 * data.length, `${clipped} pixels are black or white`);
  });

  it('has nothing to report when it is good', () => {
    for (const defect of [null, undefined]) {
      const { truth } = renderPart(defect === undefined ? SMALL : { ...SMALL, defect });
      assert.equal(truth.defective, false);
      assert.deepEqual([truth.kind, truth.box, truth.area, truth.contrast], [null, null, 0, 0]);
      assert.equal(truth.mask.length, 256 * 256);
      assert.ok(truth.mask.every((value) => value === 0));
    }
  });

  it('is refused with a reason where the frame is too small or not whole', () => {
    assert.throws(() => renderPart({ ...SMALL, width: 100 }), /at least 128 pixels a side, not 100×256/);
    assert.throws(() => renderPart({ ...SMALL, index: 0.5 }), /whole numbers, not 0.5/);
  });
});

describe('the truth about a defect', () => {
  for (const kind of SIMULATED_DEFECTS) {
    it(`${kind}: the mask covers what differs from the same part without it, and nothing else differs`, () => {
      for (const placement of ['aligned', 'anywhere'] as const) {
        const format = placement === 'aligned' ? 'GRAY8' : 'RGB';
        for (const index of [1, 2, 3]) {
          const options = { ...SMALL, width: 384, height: 320, placement, format, index } as const;
          checkTruth(options, kind);
        }
      }
    });
  }

  it('names a kind drawn at random, and over many parts draws them all', () => {
    const kinds = new Set<string | null>();
    for (let index = 0; index < 80; index++) {
      kinds.add(renderPart({ ...SMALL, width: 128, height: 128, index, defect: 'random' }).truth.kind);
    }
    assert.deepEqual([...kinds].sort(), [...SIMULATED_DEFECTS].sort());
  });
});

function checkTruth(options: RenderOptions, kind: (typeof SIMULATED_DEFECTS)[number]): void {
  const good = renderPart(options).picture.data;
  const { picture, truth } = renderPart({ ...options, defect: kind });
  const channels = options.format === 'RGB' ? 3 : 1;
  const { width, height } = options;
  let area = 0;
  let inside = 0;
  let outsideWorst = 0;
  let farthest = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      let change = 0;
      for (let c = 0; c < channels; c++) {
        change = Math.max(change, Math.abs(picture.data[i * channels + c]! - good[i * channels + c]!));
      }
      if (truth.mask[i] === 255) {
        area++;
        if (change >= 6) inside++;
        const { box } = truth;
        assert.ok(box !== null && x >= box.x && y >= box.y && x < box.x + box.width && y < box.y + box.height);
      } else {
        assert.equal(truth.mask[i], 0);
        outsideWorst = Math.max(outsideWorst, change);
        if (change > 0) farthest = Math.max(farthest, distanceTo(truth.box!, x, y));
      }
    }
  }
  const where = `${kind} ${options.placement} ${options.index}`;
  assert.equal(truth.kind, kind);
  assert.equal(truth.area, area, where);
  // 60 pixels of a 512 × 512 frame, at this frame's scale.
  assert.ok(inside >= 60 * (height / 512) ** 2 * 0.9, `${where}: ${inside} pixels changed`);
  assert.ok(truth.contrast >= 4, `${where}: contrast ${truth.contrast}`);
  // Three levels of light, times the share of a colour channel, plus the shot noise that follows the light.
  assert.ok(outsideWorst <= 6, `${where}: ${outsideWorst} levels outside the mask`);
  assert.ok(farthest <= 40, `${where}: a pixel ${farthest} away from the box changed`);
}

function distanceTo(box: { x: number; y: number; width: number; height: number }, x: number, y: number): number {
  return Math.max(box.x - x, x - box.x - box.width + 1, box.y - y, y - box.y - box.height + 1, 0);
}
