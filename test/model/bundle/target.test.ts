import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesDevice } from '../../../src/model/bundle/target.js';

const device = { site: 'ulm', line: 'press-3', name: 'edge-1' };

test('a pattern of devices matches part by part', () => {
  for (const pattern of [
    'ulm/press-3/edge-1',
    '*/*/*',
    'ulm/*/edge-1',
    'u*m/p*-*3/*',
    'ulm/press-3/edge-1*',
    '*ulm*/**/edge-*',
  ]) {
    assert.equal(matchesDevice(pattern, device), true, pattern);
  }
  for (const pattern of [
    'ulm',
    '*',
    'ulm/press-3',
    'ulm/press-3/edge',
    'ulm/press-3/edge-2',
    'Ulm/*/*',
    'ul/*/*',
    'ulm/*/edge-1/x',
    'u*lm*m/*/*',
    '*press*/*/*',
    'ulm/p.ess-3/edge-1',
  ]) {
    assert.equal(matchesDevice(pattern, device), false, pattern);
  }
});

test('no pattern takes long', () => {
  const name = 'a'.repeat(128);
  const pattern = `${'a*'.repeat(60)}b/*/*`;
  assert.equal(matchesDevice(pattern, { site: name, line: 'x', name: 'x' }), false);
});
