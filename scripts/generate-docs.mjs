#!/usr/bin/env node
// `npm run docs`: writes the documents that are generated from the sources. Tests check that they are up to date.
import { writeFileSync } from 'node:fs';
import { generatedConfigDocs } from '../dist/src/config/docs.js';
import { generatedServiceDocs } from '../dist/src/service/docs.js';

for (const [path, text] of Object.entries({ ...generatedConfigDocs(), ...generatedServiceDocs() })) {
  writeFileSync(new URL(`../${path}`, import.meta.url), text);
  console.log(`wrote ${path}`);
}
