#!/usr/bin/env node
// `npm run docs`: writes the documents that are generated from the sources. Tests check that they are up to date.
import { writeFileSync } from 'node:fs';
import { generatedConfigDocs } from '../dist/src/config/docs.js';
import { AGENT_VERSION } from '../dist/src/model/version.js';
import { generatedContract } from '../dist/src/publish/contract/docs.js';
import { generatedServiceDocs } from '../dist/src/service/docs.js';

const documents = { ...generatedConfigDocs(), ...generatedContract(AGENT_VERSION), ...generatedServiceDocs() };
for (const [path, text] of Object.entries(documents)) {
  writeFileSync(new URL(`../${path}`, import.meta.url), text);
  console.log(`wrote ${path}`);
}
