import { runAgent } from '../agent.js';
import type { Config } from '../config/schema.js';
import { reasonOf } from '../errors.js';

/*
 * The daemon in a process of its own, with a configuration that its parent sends: what is measured is what runs on a line, and
 * nothing that the configuration holds, such as the password of a camera, is written down anywhere.
 */
// Nobody is left to end it.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.once('message', (config) => {
  runAgent(config as Config).then(
    (code) => process.exit(code),
    (thrown) => {
      process.stderr.write(`${reasonOf(thrown)}\n`);
      process.exit(1);
    },
  );
});
