import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { boxAt, PART_BOX, tightestBox } from '../../src/train/part-box.js';
import { angleBetween, reliefOf, turnedPart } from '../support/turned-parts.js';

/** Of the plate of `turnedPart`. */
const PLATE = { width: 76, height: 44 };
const STEP = (PART_BOX.turnStep * Math.PI) / 180;

describe('the box around a part', () => {
  test('is as large as the part and lies where it does, however it is turned', () => {
    for (const turn of [0, 0.4, -0.7, 1.3, 2.9]) {
      const box = tightestBox(reliefOf(turnedPart({ turn, x: 60, y: 67 })));
      // A quarter turn more swaps the sides.
      const quarter = Math.round(angleBetween(turn, box.turn) / (Math.PI / 2));
      const found = quarter % 2 === 0 ? box : { ...box, width: box.height, height: box.width };
      const told = `turn ${turn}: ${JSON.stringify(box)}`;
      assert.ok(Math.abs(angleBetween(turn, box.turn + (quarter * Math.PI) / 2)) <= STEP, told);
      assert.ok(Math.abs(box.turn) <= Math.PI / 4 + 1e-9, told);
      assert.ok(Math.abs(found.width - PLATE.width) <= 6 && Math.abs(found.height - PLATE.height) <= 6, told);
      assert.ok(Math.hypot(box.x - 60, box.y - 67) < 2, told);
    }
  });

  test('is not drawn larger by the unevenness of what lies around', () => {
    const relief = reliefOf(turnedPart());
    const noisy = { ...relief, values: relief.values.map((value, i) => value + 0.15 * Math.sin(37 * i * i)) };
    const [plain, uneven] = [boxAt(relief, 0), boxAt(noisy, 0)];
    assert.ok(Math.abs(plain.width - uneven.width) <= 4, `${plain.width} became ${uneven.width}`);
    assert.ok(Math.abs(plain.height - uneven.height) <= 4, `${plain.height} became ${uneven.height}`);
  });

  test('of something round is not turned', () => {
    const values = Float32Array.from({ length: 64 * 64 }, (_, i) => {
      const radius = Math.hypot((i % 64) + 0.5 - 32, Math.floor(i / 64) + 0.5 - 32);
      return Math.abs(radius - 20) < 2 ? 1 : 0;
    });
    assert.equal(Math.abs(tightestBox({ width: 64, height: 64, values }).turn), 0);
  });
});
