/** A process that should prove a bundle and does what the folder's name says. */
import { basename } from 'node:path';
import type { ProofJob } from '../../src/updates/proof.js';

process.once('message', (raw) => {
  setInterval(() => {}, 1_000);
  const { folder } = raw as ProofJob;
  if (basename(folder) === 'aborts') {
    console.error('Error: out of range');
    process.abort();
  }
  if (basename(folder) === 'fills') {
    const kept: Buffer[] = [];
    setInterval(() => kept.push(Buffer.alloc(2 ** 25, 1)), 20);
  }
});
