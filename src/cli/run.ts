import { runAgent } from '../agent.js';
import { loadConfig } from '../config/load.js';

/** @returns the exit code */
export function run({ config }: { readonly config: string }): Promise<number> {
  return runAgent(loadConfig(config));
}
