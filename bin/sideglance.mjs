#!/usr/bin/env node
// Even Node 14 must be able to read this file: nothing newer is loaded before the version is known.
import { requireNode } from './node-version.mjs';

requireNode();
import('./launch.mjs')
  .then(({ launch }) => launch(process.argv))
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
