#!/usr/bin/env node
// For a release: keeps the messages' schemas as they are now in docs/messages/published/, against which tests hold that
// later ones only add. Refuses a schema that does more than that. Build first: `npm run build`.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { contractFaults } from '../dist/src/publish/contract/additive.js';
import { publishedPath, SENT_NAMES, schemaText } from '../dist/src/publish/contract/docs.js';
import { jsonSchemaOf } from '../dist/src/publish/contract/json-schema.js';

for (const name of SENT_NAMES) {
  const file = new URL(`../${publishedPath(name)}`, import.meta.url);
  const published = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const faults = contractFaults(published, jsonSchemaOf(name));
  if (faults.length > 0) {
    console.error(`${name} does more than add, so it needs a new version:\n  ${faults.join('\n  ')}`);
    process.exitCode = 1;
    continue;
  }
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, schemaText(name));
}
