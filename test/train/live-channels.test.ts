import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/random.js';
import { type Stage, withoutConstantChannels } from '../../src/train/live-channels.js';
import type { Weights } from '../../src/train/networks/parameters.js';

const STAGES: readonly Stage[] = [
  { widen: 'stem', depthwise: 'stem.depthwise', project: 'stem.project', width: 16, out: 8, shortcut: false },
  { widen: 'widen', depthwise: 'depthwise', project: 'project', width: 16, out: 8, shortcut: true },
];

/** 20 channels in each stage; channels 0 to 9 are dead or constant, each for another reason, and 5 come out. */
function teacher(random: Random): Map<string, { shape: readonly number[]; data: Float32Array }> {
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  const set = (name: string, shape: readonly number[], value: (index: number) => number) =>
    weights.set(name, {
      shape,
      data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => value(i)),
    });
  const drawn = () => random.normal() / 3;
  for (const [name, kernel] of [
    ['stem', [20, 3, 3, 3]],
    ['widen', [20, 5, 1, 1]],
  ] as const) {
    const taps = kernel[1] * kernel[2] * kernel[3];
    // 0 to 4: so far below zero that no picture lifts them.
    set(`${name}.weight`, kernel, (i) => (i < 5 * taps ? drawn() / 100 : drawn()));
    set(`${name}.bias`, [20], (channel) => (channel < 5 ? -3 : drawn()));
    const depthwise = name === 'stem' ? 'stem.depthwise' : 'depthwise';
    // 5 to 9: a depthwise kernel without weight, some of them with a bias.
    set(`${depthwise}.weight`, [20, 1, 3, 3], (i) => (i >= 5 * 9 && i < 10 * 9 ? 0 : drawn()));
    set(`${depthwise}.bias`, [20], () => Math.abs(drawn()));
    const project = name === 'stem' ? 'stem.project' : 'project';
    set(`${project}.weight`, [5, 20, 1, 1], drawn);
    set(`${project}.bias`, [5], drawn);
  }
  return weights;
}

/** Channels of either stage that move. */
const LIVE = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19];

const rectified = (value: number) => Math.min(6, Math.max(0, value));

/** The network on one flat patch: [27] pixels, the same at all nine places of each depthwise kernel. */
function run(weights: Weights, pixels: readonly number[]): number[] {
  const dense = (name: string, x: readonly number[]) => {
    const [weight, bias] = [weights.get(`${name}.weight`)!.data, weights.get(`${name}.bias`)!.data];
    const taps = weight.length / bias.length;
    return Array.from(bias, (start, o) =>
      x.reduce((sum, value, k) => sum + value * (weight[o * taps + k] ?? 0), start),
    );
  };
  const spread = (name: string, x: readonly number[]) =>
    x.map((value, c) => {
      const kernel = weights.get(`${name}.weight`)!.data.subarray(c * 9, c * 9 + 9);
      return kernel.reduce((sum, tap) => sum + tap * value, weights.get(`${name}.bias`)!.data[c]!);
    });
  const first = dense('stem.project', spread('stem.depthwise', dense('stem', pixels).map(rectified)).map(rectified));
  const second = dense('project', spread('depthwise', dense('widen', first).map(rectified)).map(rectified));
  return second.map((value, o) => value + first[o]!);
}

test('a network without its constant channels computes the same, and is filled up with zeros', () => {
  const random = new Random(5);
  const weights = teacher(random);
  const { weights: narrowed, live } = withoutConstantChannels(weights, STAGES);
  assert.deepEqual(live, [LIVE, LIVE]);
  assert.deepEqual(narrowed.get('stem.weight')!.shape, [16, 3, 3, 3]);
  assert.deepEqual(narrowed.get('widen.weight')!.shape, [16, 8, 1, 1]);
  assert.deepEqual(narrowed.get('project.weight')!.shape, [8, 16, 1, 1]);
  for (const name of ['stem', 'widen']) {
    const { shape, data } = narrowed.get(`${name}.weight`)!;
    const taps = data.length / shape[0]!;
    const live = Array.from({ length: 16 }, (_, c) => data.subarray(c * taps, (c + 1) * taps).some((x) => x !== 0));
    assert.equal(live.filter(Boolean).length, 10, `live channels of ${name}`);
  }
  for (let round = 0; round < 50; round++) {
    const pixels = Array.from({ length: 27 }, () => 2 * random.uniform() - 1);
    const [expected, found] = [run(weights, pixels), run(narrowed, pixels)];
    expected.forEach((value, o) => {
      assert.ok(Math.abs(value - found[o]!) < 1e-5, `output ${o}: ${found[o]} ≠ ${value}`);
    });
    assert.deepEqual(found.slice(5), [0, 0, 0]);
  }
});

test('a stage without room for its live channels is an error', () => {
  const [first, second] = STAGES as [Stage, Stage];
  assert.throws(
    () => withoutConstantChannels(teacher(new Random(5)), [{ ...first, width: 8 }, second]),
    /10 channels of stem\.depthwise are live, more than 8/,
  );
});

test('channels that are said to come first do, and the network computes the same', () => {
  const random = new Random(9);
  const weights = teacher(random);
  const [first, second] = STAGES as [Stage, Stage];
  const { weights: narrowed, live } = withoutConstantChannels(weights, [first, { ...second, first: [17, 3, 12] }]);
  assert.deepEqual(live[1], [12, 17, 10, 11, 13, 14, 15, 16, 18, 19]);
  const pixels = Array.from({ length: 27 }, () => 2 * random.uniform() - 1);
  const [expected, found] = [run(weights, pixels), run(narrowed, pixels)];
  expected.forEach((value, o) => {
    assert.ok(Math.abs(value - found[o]!) < 1e-5, `output ${o}: ${found[o]} ≠ ${value}`);
  });
});

test('channels that are said to be still are held at their values', () => {
  const random = new Random(7);
  const weights = teacher(random);
  const [first, second] = STAGES as [Stage, Stage];
  const { weights: narrowed, live } = withoutConstantChannels(weights, [
    first,
    { ...second, still: new Map([[12, 0.7]]), width: 9 },
  ]);
  assert.deepEqual(live[1], [10, 11, 13, 14, 15, 16, 17, 18, 19]);
  const held = new Map(weights);
  const { data: kernels } = held.get('depthwise.weight')!;
  const { data: biases } = held.get('depthwise.bias')!;
  held.set('depthwise.weight', {
    shape: [20, 1, 3, 3],
    data: kernels.map((tap, i) => (Math.floor(i / 9) === 12 ? 0 : tap)),
  });
  held.set('depthwise.bias', { shape: [20], data: biases.map((bias, channel) => (channel === 12 ? 0.7 : bias)) });
  for (let round = 0; round < 50; round++) {
    const pixels = Array.from({ length: 27 }, () => 2 * random.uniform() - 1);
    const [expected, found] = [run(held, pixels), run(narrowed, pixels)];
    expected.forEach((value, o) => {
      assert.ok(Math.abs(value - found[o]!) < 1e-5, `output ${o}: ${found[o]} ≠ ${value}`);
    });
  }
});
