import { takeLowPriority } from './native/low-priority.js';
import { causeOf } from './station/loop.js';
import { dieWithParent } from './station/parent-death.js';
import type { ProofJob, ProofMessage } from './updates/proof.js';
import { proveBundle } from './updates/prove-bundle.js';

/*
 * The program of a process that proves one bundle, on behalf of whoever wants to make it active. Parts that are judged
 * meanwhile come first.
 */
dieWithParent();
takeLowPriority();
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));

const job = await new Promise<ProofJob>((done) => process.once('message', (raw) => done(raw as ProofJob)));
const message = await proveBundle(job).then(
  (figures): ProofMessage => ({ outcome: 'proven', figures }),
  (thrown: unknown): ProofMessage => ({ outcome: 'refused', ...causeOf(thrown) }),
);
process.send?.(message, undefined, undefined, () => process.kill(process.pid, 'SIGKILL'));
