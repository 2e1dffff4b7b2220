#!/usr/bin/env node
// Writes docs/messages/*.schema.json from src/publish/messages.ts and command-messages.ts. Build first: `npm run build`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { COMMAND_MESSAGE_SCHEMAS, commandJsonSchemaOf } from '../dist/src/publish/command-messages.js';
import { jsonSchemaOf, MESSAGE_SCHEMAS } from '../dist/src/publish/messages.js';

const folder = new URL('../docs/messages/', import.meta.url);
mkdirSync(folder, { recursive: true });
const write = (name, schema) =>
  writeFileSync(new URL(`${name}.schema.json`, folder), `${JSON.stringify(schema, null, 2)}\n`);
for (const name of Object.keys(MESSAGE_SCHEMAS)) write(name, jsonSchemaOf(name));
for (const name of Object.keys(COMMAND_MESSAGE_SCHEMAS)) write(name, commandJsonSchemaOf(name));
