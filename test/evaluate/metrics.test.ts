import assert from 'node:assert/strict';
import test from 'node:test';
import { connectedComponents } from '../../src/evaluate/components.js';
import { auroc, rocCurve } from '../../src/evaluate/metrics.js';
import { PixelTally, pixelMetrics } from '../../src/evaluate/pixel-metrics.js';

/** A small generator of its own, so that the cases are the same in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** By the definition: all pairs. */
function aurocByPairs(good: readonly number[], defective: readonly number[]): number {
  let sum = 0;
  for (const g of good) for (const d of defective) sum += d > g ? 1 : d === g ? 0.5 : 0;
  return sum / (good.length * defective.length);
}

test('the area under the ROC curve is the share of pairs in the right order', () => {
  assert.equal(auroc([1, 2, 3], [4, 5]), 1);
  assert.equal(auroc([4, 5], [1, 2, 3]), 0);
  // Of the six pairs 0.35 wins against 0.1 only, 0.8 wins against both: 3 of 4.
  assert.equal(auroc([0.1, 0.4], [0.35, 0.8]), 0.75);
});

test('ties count half', () => {
  assert.equal(auroc([1, 1, 1], [1, 1]), 0.5);
  // Pairs: (1,2) and (2,2) and (1,3), (2,3): 1 + 0.5 + 1 + 1 of 4.
  assert.equal(auroc([1, 2], [2, 3]), 0.875);
  const random = randomFrom(7);
  const good = Array.from({ length: 211 }, () => Math.floor(random() * 12));
  const defective = Array.from({ length: 97 }, () => Math.floor(random() * 12) + 2);
  assert.ok(Math.abs(auroc(good, defective)! - aurocByPairs(good, defective)) < 1e-12);
});

test('without good or without defective images there is no area and no curve', () => {
  assert.equal(auroc([], [1]), null);
  assert.equal(auroc([1], []), null);
  assert.deepEqual(rocCurve([], [1]), []);
});

test('the ROC curve has a point a distinct score and the area of its name', () => {
  const curve = rocCurve([1, 2], [2, 3]);
  assert.deepEqual(curve, [
    { threshold: Number.POSITIVE_INFINITY, falsePositiveRate: 0, truePositiveRate: 0 },
    { threshold: 3, falsePositiveRate: 0, truePositiveRate: 0.5 },
    { threshold: 2, falsePositiveRate: 0.5, truePositiveRate: 1 },
    { threshold: 1, falsePositiveRate: 1, truePositiveRate: 1 },
  ]);
  let area = 0;
  for (let i = 1; i < curve.length; i++) {
    const [a, b] = [curve[i - 1]!, curve[i]!];
    area += ((b.falsePositiveRate - a.falsePositiveRate) * (a.truePositiveRate + b.truePositiveRate)) / 2;
  }
  assert.equal(area, auroc([1, 2], [2, 3]));
});

test('components touch along edges and corners', () => {
  const mask = ['##...#', '.....#', '#.#...', '.#....', '....##'];
  const bytes = Uint8Array.from(mask.join(''), (c) => (c === '#' ? 1 : 0));
  const { labels, areas } = connectedComponents(bytes, 6, 5);
  assert.deepEqual(areas, [2, 2, 3, 2]);
  assert.equal(labels[12], labels[14], 'joined by the corner pixel below');
  assert.equal(labels[2], 0);
  const full = connectedComponents(new Uint8Array(300 * 200).fill(1), 300, 200);
  assert.deepEqual(full.areas, [60_000]);
});

function tallyOf(images: { scores: number[]; mask: number[] | null; width: number }[]): PixelTally {
  const tally = new PixelTally();
  for (const { scores, mask, width } of images) {
    const truth = mask === null ? null : Uint8Array.from(mask);
    tally.add(Float32Array.from(scores), truth, width, scores.length / width);
  }
  return tally;
}

test('AUPRO of a case that was worked out by hand', () => {
  // Ten normal pixels and two regions, of one and of two pixels, in one row. Rates and overlaps at each threshold:
  //   9: region A found             FPR 0,   PRO 1/2
  //   8: one false positive         FPR 0.1, PRO 1/2
  //   7: half of region B           FPR 0.1, PRO 3/4
  //   6: two more false positives   FPR 0.3, PRO 3/4
  //   5: the rest of B              FPR 0.3, PRO 1
  // Up to 0.3: 0.1 × 1/2 + 0.2 × 3/4 = 0.2, by 0.3.
  const mask = [1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  const scores = [9, 8, 7, 5, 6, 6, 1, 1, 1, 1, 1, 1, 1];
  const metrics = pixelMetrics([tallyOf([{ scores, mask, width: 13 }])]);
  assert.ok(Math.abs(metrics.aupro! - 0.2 / 0.3) < 1e-12, `${metrics.aupro}`);
  // Up to 0.05 the overlap is 1/2 throughout.
  assert.ok(Math.abs(metrics.aupro05! - 0.5) < 1e-12);
});

test('AUPRO is interpolated where the limit falls into a step', () => {
  // One region of two pixels, ten normal ones, all equal except one region pixel: from (0, 1/2) straight to (1, 1).
  // At 0.3 the overlap is 0.65: 0.3 × (0.5 + 0.65) / 2, by 0.3.
  const mask = [1, 1, ...Array<number>(10).fill(0)];
  const scores = [5, 1, ...Array<number>(10).fill(1)];
  assert.ok(Math.abs(pixelMetrics([tallyOf([{ scores, mask, width: 12 }])]).aupro! - 0.575) < 1e-12);
});

test('perfect maps have AUPRO 1, constant maps the 0.15 of chance', () => {
  const mask = Array.from({ length: 400 }, (_, i) => (i % 20 < 5 ? 1 : 0));
  const perfect = pixelMetrics([tallyOf([{ scores: mask, mask, width: 20 }])]);
  for (const value of [perfect.aupro, perfect.aupro05, perfect.pixelAuroc])
    assert.ok(value! <= 1 && value! > 1 - 1e-12);
  const constant = pixelMetrics([tallyOf([{ scores: mask.map(() => 3), mask, width: 20 }])]);
  assert.ok(Math.abs(constant.aupro! - 0.15) < 1e-12);
  assert.equal(constant.pixelAuroc, 0.5);
  assert.equal(constant.pixelAurocError, 0.5, 'says that everything was a tie');
});

test('pixel metrics agree with a plain computation over all thresholds, within the error they state', () => {
  const random = randomFrom(3);
  const [width, height] = [48, 40];
  const images = Array.from({ length: 5 }, (_, n) => {
    const mask = Array.from({ length: width * height }, (_, i) => {
      const [x, y] = [i % width, Math.floor(i / width)];
      return n > 1 && (Math.hypot(x - 10 - n, y - 12) < 4 || Math.hypot(x - 34, y - 25 + n) < 2 + n) ? 1 : 0;
    });
    // Scores of both signs, some of them equal.
    const scores = mask.map((m) => Math.fround(Math.round((random() + random() + m * 0.8 - 1) * 400) / 400));
    return { scores, mask: n > 1 ? mask : null, width };
  });
  const metrics = pixelMetrics([tallyOf(images.slice(0, 2)), tallyOf(images.slice(2))]);

  const normal: number[] = [];
  const regions: number[][] = [];
  for (const { scores, mask } of images) {
    const { labels, areas } = connectedComponents(Uint8Array.from(mask ?? scores.map(() => 0)), width, height);
    const own = areas.map((): number[] => []);
    scores.forEach((score, i) => {
      (labels[i] === 0 ? normal : own[labels[i]! - 1]!).push(score);
    });
    regions.push(...own);
  }
  const exact = aurocByPairs(normal, regions.flat());
  assert.ok(Math.abs(metrics.pixelAuroc! - exact) <= 1e-9, `${metrics.pixelAuroc} for ${exact}`);

  const thresholds = [...new Set([...normal, ...regions.flat()])].sort((a, b) => b - a);
  let [area, lastRate, lastPro] = [0, 0, 0];
  for (const threshold of thresholds) {
    const share = (values: number[]): number => values.filter((v) => v >= threshold).length / values.length;
    const rate = share(normal);
    const pro = regions.map(share).reduce((a, b) => a + b) / regions.length;
    const end = Math.min(rate, 0.3);
    const proAtEnd = rate > lastRate ? lastPro + ((pro - lastPro) * (end - lastRate)) / (rate - lastRate) : pro;
    area += ((end - lastRate) * (lastPro + proAtEnd)) / 2;
    [lastRate, lastPro] = [rate, pro];
    if (rate >= 0.3) break;
  }
  assert.ok(Math.abs(metrics.aupro! - area / 0.3) < 1e-9, `${metrics.aupro} for ${area / 0.3}`);
});

test('scores are ordered across zero, and minus zero ties with zero', () => {
  const mask = [0, 0, 0, 1, 1, 1];
  const ordered = pixelMetrics([tallyOf([{ scores: [-1e9, -1, -1e-9, 1e-9, 1, 1e9], mask, width: 6 }])]);
  assert.equal(ordered.pixelAuroc, 1);
  const reversed = pixelMetrics([tallyOf([{ scores: [1e9, 1, 1e-9, -1e-9, -1, -1e9], mask, width: 6 }])]);
  assert.equal(reversed.pixelAuroc, 0);
  const zeros = pixelMetrics([tallyOf([{ scores: [0, 0, 0, -0, -0, -0], mask, width: 6 }])]);
  assert.equal(zeros.pixelAuroc, 0.5);
});

test('without defects, or without normal pixels, pixel metrics are null and never NaN', () => {
  const none = pixelMetrics([tallyOf([{ scores: [1, 2], mask: null, width: 2 }])]);
  const onlyDefects = pixelMetrics([tallyOf([{ scores: [1, 2], mask: [1, 1], width: 2 }])]);
  const emptyMask = pixelMetrics([tallyOf([{ scores: [1, 2], mask: [0, 0], width: 2 }])]);
  for (const metrics of [none, onlyDefects, emptyMask, pixelMetrics([])]) {
    assert.deepEqual(metrics, { pixelAuroc: null, pixelAurocError: null, aupro: null, aupro05: null });
  }
});

test('tallies add up: together, one after the other and after clearing', () => {
  const a = { scores: [1, 5, 2, 8], mask: [0, 1, 0, 1], width: 4 };
  const b = { scores: [3, 4, 9, 2], mask: [0, 0, 1, 1], width: 4 };
  const once = pixelMetrics([tallyOf([a, b])]);
  assert.deepEqual(pixelMetrics([tallyOf([a]), tallyOf([b])]), once);
  const sum = new PixelTally();
  sum.addAll(tallyOf([a]));
  sum.addAll(tallyOf([b]));
  assert.deepEqual(pixelMetrics([sum]), once);
  sum.clear();
  assert.equal(pixelMetrics([sum]).pixelAuroc, null);
});
