/** The daemon without the command line around it: `node run-agent.js CONFIG`. */
import { runAgent } from '../../src/agent.js';
import { loadConfig } from '../../src/config/load.js';

process.exit(await runAgent(loadConfig(process.argv[2] as string)));
