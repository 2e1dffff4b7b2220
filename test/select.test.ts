import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../src/random.js';
import { select } from '../src/select.js';

test('one value lies where an ascending order would have it, smaller ones before it and larger ones behind', () => {
  const random = new Random(9);
  for (const length of [1, 2, 7, 100, 2000]) {
    // Few different values, infinite ones among them, too.
    for (const draw of [() => random.normal(), () => random.below(4), () => 1 / random.below(3) - random.below(2)]) {
      const values = Float32Array.from({ length }, draw);
      const ascending = values.slice().sort();
      for (const index of new Set([0, 1, length >> 1, length - 3, length - 1].filter((i) => i >= 0 && i < length))) {
        const rearranged = values.slice();
        assert.equal(select(rearranged, index), ascending[index]);
        assert.ok(rearranged.subarray(0, index).every((value) => value <= ascending[index]!));
        assert.ok(rearranged.subarray(index).every((value) => value >= ascending[index]!));
        assert.deepEqual(rearranged.sort(), ascending);
      }
    }
  }
});
