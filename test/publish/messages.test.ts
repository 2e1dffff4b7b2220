import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { COMMAND_MESSAGE_SCHEMAS, commandJsonSchemaOf } from '../../src/publish/command-messages.js';
import { jsonSchemaOf, MESSAGE_SCHEMAS, type MessageName } from '../../src/publish/messages.js';

const folder = join(PACKAGE_ROOT, 'docs/messages');
const schemas: Readonly<Record<string, () => object>> = Object.fromEntries([
  ...Object.keys(MESSAGE_SCHEMAS).map((name) => [name, () => jsonSchemaOf(name as MessageName)]),
  ...Object.keys(COMMAND_MESSAGE_SCHEMAS).map((name) => [name, () => commandJsonSchemaOf(name)]),
]);
const names = Object.keys(schemas);

test('every message has its JSON Schema in docs/messages, and no other file is there', () => {
  const files = readdirSync(folder).filter((file) => file.endsWith('.schema.json'));
  assert.deepEqual(files.sort(), names.map((name) => `${name}.schema.json`).sort());
});

for (const name of names) {
  test(`docs/messages/${name}.schema.json is what the sources say (else: node scripts/generate-message-schemas.mjs)`, () => {
    const file = JSON.parse(readFileSync(join(folder, `${name}.schema.json`), 'utf8'));
    assert.deepEqual(file, JSON.parse(JSON.stringify(schemas[name]?.())));
    assert.equal(file.$schema, 'https://json-schema.org/draft/2020-12/schema');
  });
}
