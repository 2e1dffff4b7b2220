import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AGENT_VERSION } from '../../src/model/version.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { generatedContract } from '../../src/publish/contract/docs.js';
import { CONTRACT_NAMES, jsonSchemaOf } from '../../src/publish/contract/json-schema.js';

for (const [path, text] of Object.entries(generatedContract(AGENT_VERSION))) {
  test(`${path} is up to date (npm run docs)`, () => {
    assert.equal(readFileSync(join(PACKAGE_ROOT, path), 'utf8'), text);
  });
}

test('docs/messages has no schema of a message that there is not', () => {
  const files = readdirSync(join(PACKAGE_ROOT, 'docs/messages')).filter((file) => file.endsWith('.schema.json'));
  assert.deepEqual(files.sort(), CONTRACT_NAMES.map((name) => `${name}.schema.json`).sort());
});

test('each schema names its draft and has an id with the version that the messages carry, or 1', () => {
  for (const name of CONTRACT_NAMES) {
    const { $schema, $id, properties } = jsonSchemaOf(name);
    assert.equal($schema, 'https://json-schema.org/draft/2020-12/schema');
    const versions = [properties?.schema?.const ?? properties?.schema?.enum ?? '//1'].flat();
    for (const version of versions) {
      assert.equal($id, `urn:sideglance:message:${name}:${String(version).split('/')[2]}`);
    }
  }
});
