import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { MESSAGE_SCHEMAS, type MessageName } from '../../src/publish/messages.js';
import { OUTBOX_DEFAULTS } from '../../src/publish/outbox/types.js';

// Without the padding of the tables.
const text = readFileSync(join(PACKAGE_ROOT, 'docs/mqtt.md'), 'utf8').replaceAll(/ +\|/g, ' |');
const examples = [...text.matchAll(/```json\n(.*?)```/gs)].map((match) => JSON.parse(match[1] ?? ''));

test('docs/mqtt.md has an example of every message, each valid and without an undeclared field', () => {
  const shown = new Set<string>();
  for (const example of examples) {
    const kind = String(example.schema).split('/')[1] ?? '';
    const name = (kind === 'map' || kind === 'frame' ? 'picture' : kind) as MessageName;
    assert.deepEqual(MESSAGE_SCHEMAS[name].parse(example), example);
    shown.add(name);
  }
  assert.deepEqual([...shown].sort(), Object.keys(MESSAGE_SCHEMAS).sort());
});

test('docs/mqtt.md names the bounds that hold', () => {
  assert.ok(text.includes(`${OUTBOX_DEFAULTS.maxBytes / 1024 / 1024} MiB in all`));
  for (const [name, messageClass, age] of [
    ['verdicts', 'verdict', '7 days'],
    ['maps', 'map', '24 h'],
    ['frames', 'frame', '1 h'],
  ] as const) {
    assert.ok(text.includes(`| ${name} | ${age} |`), name);
    const [amount, unit] = age.split(' ');
    assert.equal(OUTBOX_DEFAULTS.maxAgeMs[messageClass], Number(amount) * 3_600_000 * (unit === 'h' ? 1 : 24), name);
  }
});
