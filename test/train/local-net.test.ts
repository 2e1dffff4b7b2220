import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/random.js';
import { backboneWeights } from '../../src/train/backbone-weights.js';
import { FeatureExtractor } from '../../src/train/features.js';
import { LOCAL_NET } from '../../src/train/networks/local-net.js';
import { TeacherTargets } from '../../src/train/teacher/targets.js';

const [HEIGHT, WIDTH] = [112, 128];
const [ROWS, COLUMNS] = [HEIGHT / LOCAL_NET.stride, WIDTH / LOCAL_NET.stride];

/** Channels of the teacher's tap s4; those of s8 follow. */
const FINE = 24;

/** The same image, moved right and down by `pixels`; what enters at the left and the top does not matter. */
function moved(bytes: Uint8Array, pixels: number): Uint8Array {
  const offset = (pixels * WIDTH + pixels) * 3;
  return bytes.map((_, index) => bytes[(index - offset + bytes.length) % bytes.length] as number);
}

test('Local-Net computes what the teacher does at twice the size', async () => {
  const random = new Random(4);
  const bytes = Uint8Array.from({ length: HEIGHT * WIDTH * 3 }, () => random.below(256));
  const options = { batch: 1, height: HEIGHT, width: WIDTH, threads: 1 };
  const local = await FeatureExtractor.create({ ...options, weights: backboneWeights() });
  local.image(0).set(bytes);
  await local.run();
  // The teacher's own padding puts the patches of s8 two pixels further right and down; Local-Net centres them.
  for (const [from, to, shift] of [
    [0, FINE, 0],
    [FINE, LOCAL_NET.features, 2],
  ] as const) {
    const teacher = await TeacherTargets.load({ ...options, images: moved(bytes, shift) });
    await teacher.run();
    assert.equal(teacher.channels, LOCAL_NET.features);
    for (let channel = from; channel < to; channel += 1) {
      // Patches of these cells lie well inside the image, where the teacher's zero padding does not reach.
      for (let row = 3; row < ROWS - 3; row += 1) {
        for (let column = 3; column < COLUMNS - 3; column += 1) {
          const index = (channel * ROWS + row) * COLUMNS + column;
          const [ours, theirs] = [local.features[index] as number, teacher.features[index] as number];
          assert.ok(
            Math.abs(ours - theirs) < 1e-3,
            `channel ${channel} of cell ${row}, ${column}: ${ours} ≠ ${theirs}`,
          );
        }
      }
    }
    await teacher.close();
  }
  await local.close();
});
