import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Session, type Tensor } from '../../../src/infer/ort/session.js';
import { sumAndProduct } from '../../support/graphs.js';

// A file, and so a process, of its own: what other tests leave to the allocators would blur the measurement.

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('thousands of runs and bindings need no more memory', async () => {
  const session = await Session.create(sumAndProduct());
  const [a, b, sum] = [tensor(), tensor(), tensor()];
  const work = async (times: number) => {
    for (let i = 0; i < times; i++) {
      const binding = session.bind({ a, b }, { sum });
      await session.run(binding);
      session.unbind(binding);
      await session.runOnce({ a, b });
    }
    collectGarbage();
    return process.memoryUsage().rss / 2 ** 20;
  };
  // Heaps grow in steps of their own; a leak grows in every round, by 1.2 MiB for the three values of each binding.
  const sizes: number[] = [];
  for (let round = 0; round < 9; round++) sizes.push(await work(1500));
  const growth = Math.min(...sizes.slice(6)) - Math.min(...sizes.slice(0, 3));
  assert.ok(growth < 3.5, `MiB after each round: ${sizes.map((size) => size.toFixed(1)).join(', ')}`);
  await session.close();
});

function tensor(): Tensor {
  return { type: 'float32', shape: [2, 3], data: new Float32Array(6) };
}
