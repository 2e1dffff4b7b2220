import assert from 'node:assert/strict';
import test from 'node:test';
import { imageAurocInterval, pixelIntervals, shareInterval } from '../../src/evaluate/bootstrap.js';
import { ImageTallies } from '../../src/evaluate/image-tallies.js';
import { auroc } from '../../src/evaluate/metrics.js';
import { metricsOf, PixelTally, pixelMetrics, proCurve } from '../../src/evaluate/pixel-metrics.js';
import { Random } from '../../src/random.js';

function normals(random: Random, count: number, mean: number): number[] {
  return Array.from({ length: count }, () => mean + random.normal());
}

test('the interval of an AUROC contains it, is the same in every run, and is as wide as the theory says', () => {
  const random = new Random(5);
  const good = normals(random, 200, 0);
  const defective = normals(random, 200, 1);
  const interval = imageAurocInterval(good, defective)!;
  const value = auroc(good, defective)!;
  assert.ok(interval.low < value && value < interval.high, JSON.stringify(interval));
  assert.deepEqual(imageAurocInterval(good, defective), interval);
  // Hanley and McNeil (1982), equation 2.
  const [q1, q2] = [value / (2 - value), (2 * value ** 2) / (1 + value)];
  const variance = (value * (1 - value) + 199 * (q1 - value ** 2) + 199 * (q2 - value ** 2)) / 200 ** 2;
  const expected = 2 * 1.96 * Math.sqrt(variance);
  const width = interval.high - interval.low;
  assert.ok(width > expected * 0.8 && width < expected * 1.2, `${width} for ${expected}`);
});

test('the interval of an AUROC covers the true value about nineteen times in twenty', () => {
  // The means lie √2 × 0.8 apart: the true AUROC is Φ(0.8).
  const truth = 0.788145;
  const random = new Random(9);
  let covered = 0;
  for (let trial = 0; trial < 100; trial++) {
    const { low, high } = imageAurocInterval(normals(random, 40, 0), normals(random, 40, 0.8 * Math.SQRT2))!;
    if (low <= truth && truth <= high) covered++;
  }
  assert.ok(covered >= 87, `${covered} of 100`);
});

test('without good or without defective images there is no interval', () => {
  assert.equal(imageAurocInterval([], [1]), null);
  assert.equal(imageAurocInterval([1], []), null);
  assert.equal(shareInterval(0, 0), null);
});

test('the interval of a share is that of Wilson, also for none and all', () => {
  const { low, high } = shareInterval(7, 100)!;
  assert.ok(Math.abs(low - 0.0343) < 1e-4 && Math.abs(high - 0.1375) < 1e-4, `${low} ${high}`);
  const none = shareInterval(0, 20)!;
  assert.ok(none.low === 0 && Math.abs(none.high - 0.1611) < 1e-4, JSON.stringify(none));
  assert.equal(shareInterval(20, 20)!.high, 1);
});

interface Sample {
  readonly scores: Float32Array;
  readonly mask: Uint8Array | null;
}

const [WIDTH, HEIGHT] = [40, 30];

/** Half of the images with a square that scores higher by a strength of its own. */
function samples(count: number, offset = 1): Sample[] {
  const random = new Random(3);
  return Array.from({ length: count }, (_, n) => {
    const strength = random.uniform() * 2;
    const isDefective = (i: number): boolean => n % 2 === 1 && i % WIDTH < 8 && i < 8 * WIDTH;
    const mask = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, i) => (isDefective(i) ? 1 : 0));
    const scores = Float32Array.from(mask, (m) => offset + random.uniform() + m * strength);
    return { scores, mask: n % 2 === 1 ? mask : null };
  });
}

function tallied(images: readonly Sample[]): { tallies: ImageTallies; exact: PixelTally; isDefective: boolean[] } {
  const tallies = new ImageTallies();
  const exact = new PixelTally();
  for (const { scores, mask } of images) {
    tallies.add(scores, mask, WIDTH, HEIGHT);
    exact.add(scores, mask, WIDTH, HEIGHT);
  }
  return { tallies, exact, isDefective: images.map(({ mask }) => mask !== null) };
}

test('tallies by image agree with those of all pixels, and count an image as often as it was drawn', () => {
  const images = samples(6);
  const { tallies, exact } = tallied(images);
  const [coarse, fine] = [metricsOf(tallies.steps()), pixelMetrics([exact])];
  for (const figure of ['pixelAuroc', 'aupro', 'aupro05'] as const) {
    assert.ok(Math.abs(coarse[figure]! - fine[figure]!) < 0.003, `${figure}: ${coarse[figure]} for ${fine[figure]}`);
  }
  const drawn = tallied([images[0]!, images[3]!, images[3]!]).tallies;
  assert.deepEqual(metricsOf(tallies.steps([1, 0, 0, 2, 0, 0])), metricsOf(drawn.steps()));
  const points = [...proCurve(tallies.steps(), 0.3)];
  assert.deepEqual(points[0], { falsePositiveRate: 0, overlap: 0 });
  assert.equal(points.at(-1)!.falsePositiveRate, 0.3);
  assert.deepEqual([...proCurve(new ImageTallies().steps(), 0.3)], []);
});

test('the intervals of pixel metrics contain them and are the same in every run', () => {
  const { tallies, exact, isDefective } = tallied(samples(24));
  const metrics = pixelMetrics([exact]);
  const intervals = pixelIntervals(tallies, isDefective, metrics);
  for (const figure of ['pixelAuroc', 'aupro', 'aupro05'] as const) {
    const { low, high } = intervals[figure]!;
    assert.ok(low < metrics[figure]! && metrics[figure]! < high && high <= 1, `${figure}: ${low} to ${high}`);
  }
  assert.deepEqual(pixelIntervals(tallies, isDefective, metrics), intervals);
});

test('scores that lie too close together for the bins of draws have no pixel intervals', () => {
  const { tallies, exact, isDefective } = tallied(samples(8, 5000));
  assert.deepEqual(pixelIntervals(tallies, isDefective, pixelMetrics([exact])), {
    pixelAuroc: null,
    aupro: null,
    aupro05: null,
  });
});

test('without defective images pixel metrics have no intervals', () => {
  const images = samples(4).filter(({ mask }) => mask === null);
  const { tallies, exact, isDefective } = tallied(images);
  const intervals = pixelIntervals(tallies, isDefective, pixelMetrics([exact]));
  assert.deepEqual(intervals, { pixelAuroc: null, aupro: null, aupro05: null });
});
