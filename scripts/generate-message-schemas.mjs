#!/usr/bin/env node
// Writes docs/messages/*.schema.json from src/publish/messages.ts. Build first: `npm run build`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { jsonSchemaOf, MESSAGE_SCHEMAS } from '../dist/src/publish/messages.js';

const folder = new URL('../docs/messages/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const name of Object.keys(MESSAGE_SCHEMAS)) {
  writeFileSync(new URL(`${name}.schema.json`, folder), `${JSON.stringify(jsonSchemaOf(name), null, 2)}\n`);
}
