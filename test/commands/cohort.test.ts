import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { fits, lotOf, takesPart } from '../../src/commands/cohort.js';

const device = { site: 'ulm', line: 'press-3', name: 'edge-1' };
const many = Array.from({ length: 10_000 }, (_, i) => ({ site: 'ulm', line: `line-${i % 50}`, name: `edge-${i}` }));

test('the share of a device is what docs/fleet.md says that anyone can compute', () => {
  const hex = createHash('sha256').update('r-1 ulm/press-3/edge-1').digest('hex');
  assert.equal(lotOf('r-1', device).share, (Number.parseInt(hex.slice(0, 8), 16) / 4_294_967_296) * 100);
  assert.equal(lotOf('r-1', device).delay, Number.parseInt(hex.slice(8, 16), 16) / 4_294_967_296);
});

test('shares are even, differ from rollout to rollout, and say nothing about the delay', () => {
  const shares = many.map((one) => lotOf('r-1', one));
  const below = (percent: number) => shares.filter(({ share }) => share < percent).length;
  for (const percent of [1, 5, 25, 50, 90]) {
    const sigma = Math.sqrt(many.length * (percent / 100) * (1 - percent / 100));
    assert.ok(Math.abs(below(percent) - many.length * (percent / 100)) < 5 * sigma, `${percent}: ${below(percent)}`);
  }
  assert.equal(below(0), 0);
  assert.equal(below(100), many.length);
  const both = many.filter((one) => lotOf('r-1', one).share < 50 && lotOf('r-2', one).share < 50).length;
  assert.ok(Math.abs(both - many.length / 4) < 300, `${both}`);
  const first = shares.filter(({ share }) => share < 10).map(({ delay }) => delay);
  const mean = first.reduce((sum, one) => sum + one, 0) / first.length;
  assert.ok(Math.abs(mean - 0.5) < 0.05, `${mean}`);
});

test('a higher percentage brings devices in and takes none out', () => {
  let before = new Set<string>();
  for (const percent of [0, 0.5, 5, 25, 60, 100]) {
    const now = new Set(
      many.filter((one) => takesPart({ id: 'r-1', devices: { percent } }, one)).map(({ name }) => name),
    );
    assert.ok([...before].every((name) => now.has(name)));
    assert.ok(now.size > before.size || percent === 0);
    before = now;
  }
});

test('of sites, lines and devices that are named, each has to fit', () => {
  const percent = 100;
  assert.ok(fits({ percent }, device));
  assert.ok(fits({ percent, sites: ['bonn', 'ul*'], lines: ['press-*'], devices: ['*/*/edge-*'] }, device));
  assert.ok(!fits({ percent, sites: ['bonn'] }, device));
  assert.ok(!fits({ percent, sites: ['ulm'], lines: ['paint-*'] }, device));
  assert.ok(!fits({ percent, devices: ['ulm/*'] }, device));
  assert.ok(!fits({ percent, devices: ['ulm/press-3/edge-1*2'] }, device));
});
