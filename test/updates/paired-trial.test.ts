import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/random.js';
import type { PairedOutcomes } from '../../src/shadow.js';
import { binomialTail, PAIRED_LIMITS, PairedTrial } from '../../src/updates/paired-trial.js';

const NOTHING: PairedOutcomes = { bothPass: 0, bothReject: 0, onlyCurrentRejects: 0, onlyShadowRejects: 0 };

function counts(some: Partial<PairedOutcomes>) {
  const outcomes = { ...NOTHING, ...some };
  return {
    model: 'm@1.0.0',
    outcomes,
    compared: Object.values(outcomes).reduce((sum: number, count: number) => sum + count, 0),
  };
}

test('the binomial tail is exact', () => {
  assert.equal(binomialTail(0, 10, 0.1), 1);
  assert.ok(Math.abs(binomialTail(1, 10, 0.1) - (1 - 0.9 ** 10)) < 1e-12);
  assert.ok(Math.abs(binomialTail(10, 10, 0.5) - 0.5 ** 10) < 1e-15);
  // 1 - binom.cdf(4, 20, 0.02), and a tail below the mode.
  assert.ok(Math.abs(binomialTail(5, 20, 0.02) - 3.9e-5) < 1e-6);
  assert.ok(Math.abs(binomialTail(1, 1000, 0.5) - 1) < 1e-9);
  assert.ok(binomialTail(100, 100_000, 0.02) > 0.999_999);
});

test('parts that both treat alike never condemn a model, however many it rejects', () => {
  const trial = new PairedTrial(0.02);
  for (let n = 20; n <= 20_000; n *= 2) assert.equal(trial.add(counts({ bothReject: n })), null);
});

test('a model that alone rejects, or alone passes, is found after twenty parts; fewer say nothing', () => {
  for (const side of ['onlyCurrentRejects', 'onlyShadowRejects'] as const) {
    const trial = new PairedTrial(0.02);
    assert.equal(trial.add(counts({ [side]: 19 })), null);
    assert.match(
      trial.add(counts({ [side]: 10, bothPass: 10 })) ?? '',
      /^at 10 of 20 parts it (rejects|passes) what m@1/,
    );
  }
});

test('it is looked at the counts at twice as many parts each time, also after they began anew', () => {
  const trial = new PairedTrial(0.02);
  assert.equal(trial.add(counts({ bothPass: 20 })), null);
  assert.equal(trial.add(counts({ bothPass: 20, onlyCurrentRejects: 19 })), null);
  assert.notEqual(trial.add(counts({ bothPass: 20, onlyCurrentRejects: 20 })), null);
  const anew = new PairedTrial(0.02);
  anew.add(counts({ bothPass: 1_000 }));
  assert.notEqual(anew.add(counts({ onlyCurrentRejects: 20 })), null);
});

test('a model that differs exactly as much as is tolerated is sent back as seldom as is said', () => {
  const random = new Random(7);
  const [runs, tolerated] = [4_000, 0.05];
  let alarms = 0;
  for (let run = 0; run < runs; run++) {
    const trial = new PairedTrial(tolerated);
    const outcomes = { ...NOTHING } as { -readonly [Key in keyof PairedOutcomes]: number };
    let isSentBack = false;
    for (let n = 1; n <= 640 && !isSentBack; n++) {
      const x = random.uniform();
      outcomes[x < tolerated ? 'onlyCurrentRejects' : x < 2 * tolerated ? 'onlyShadowRejects' : 'bothPass']++;
      isSentBack = trial.add({ model: 'm@1.0.0', compared: n, outcomes }) !== null;
    }
    alarms += isSentBack ? 1 : 0;
  }
  // Three standard deviations above what is promised.
  const most = runs * PAIRED_LIMITS.falseAlarmRate + 3 * Math.sqrt(runs * PAIRED_LIMITS.falseAlarmRate);
  assert.ok(alarms <= most, `${alarms} of ${runs}`);
});
