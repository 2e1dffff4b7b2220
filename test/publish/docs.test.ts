import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { MESSAGE_SCHEMAS, type MessageName } from '../../src/publish/messages.js';
import { OUTBOX_LIMITS } from '../../src/publish/outbox.js';

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
  const mib = (bytes: number) => `${bytes / 1024 / 1024} MiB`;
  assert.ok(text.includes(`${mib(OUTBOX_LIMITS.maxBytes)} in all`));
  for (const [name, messageClass, age] of [
    ['verdicts', 'verdict', '24 h'],
    ['maps', 'map', '1 h'],
    ['frames', 'frame', '15 min'],
  ] as const) {
    const { maxBytes, maxAgeMs } = OUTBOX_LIMITS.classes[messageClass];
    assert.ok(text.includes(`| ${name} | ${mib(maxBytes)} | ${age} |`), name);
    const [amount, unit] = age.split(' ');
    assert.equal(maxAgeMs, Number(amount) * (unit === 'h' ? 3_600_000 : 60_000), name);
  }
});
