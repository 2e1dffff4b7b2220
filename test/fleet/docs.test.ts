import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { lotOf } from '../../src/commands/cohort.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { rolloutSchema } from '../../src/publish/rollout-message.js';

const text = readFileSync(join(PACKAGE_ROOT, 'docs/fleet.md'), 'utf8');

test('docs/fleet.md shows a message that devices follow', () => {
  const [message] = [...text.matchAll(/```json\n(.*?)```/gs)].map((match) => JSON.parse(match[1] ?? ''));
  assert.deepEqual(rolloutSchema.parse(message), message);
});

test('docs/fleet.md computes the share of a device as devices do', () => {
  const [, id = '', site = '', line = '', name = '', hex = '', percent = ''] =
    /printf %s '(\S+) (\S+)\/(\S+)\/(\S+)' \|[^\n]*\n\s+([0-9a-f]{8}) [^\n]*: ([\d.]+) %/.exec(text) ?? [];
  const { share } = lotOf(id, { site, line, name });
  assert.equal((Number.parseInt(hex, 16) / 2 ** 32) * 100, share);
  assert.equal(percent, share.toFixed(2));
});
