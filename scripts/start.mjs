#!/usr/bin/env node
// `npm start`: installs what is missing, builds, and runs the daemon with config.yaml.
import { requireNode } from '../bin/node-version.mjs';

requireNode();
const { setup } = await import('./setup.mjs');
const { ensureBuilt } = await import('./build.mjs');
process.chdir(new URL('..', import.meta.url).pathname);
if (!setup('start') || !ensureBuilt()) process.exit(1);

// In this very process: one less between the terminal and the daemon that a Ctrl-C would have to pass.
const [node, script, ...args] = process.argv;
const { main } = await import('../dist/src/cli.js');
await main([node, script, 'run', ...(args.length > 0 ? args : ['-c', 'config.yaml'])]);
