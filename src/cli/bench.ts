import { resolve } from 'node:path';
import { measureStations } from '../benchmark/measure.js';
import { measureText } from '../benchmark/measure-text.js';
import { loadConfig } from '../config/load.js';
import { openBundle } from '../model/open.js';
import { activeFolders } from '../model/store/open.js';
import { INTERRUPTED, interruptible } from './interrupt.js';

export interface BenchOptions {
  readonly config: string;
  readonly model?: string;
  readonly seconds: number;
  readonly json?: true;
}

/** @returns the exit code */
export async function bench({ config: file, model, seconds, json }: BenchOptions): Promise<number> {
  const written = loadConfig(file);
  const stations = written.stations.map((station) => (model ? { ...station, model: resolve(model) } : station));
  const config = { ...written, stations };
  // A bundle that cannot be used is known before any process starts.
  for (const { name, model: place } of stations) {
    for (const folder of await activeFolders(place, [name])) await openBundle(folder);
  }
  return interruptible(async (signal) => {
    try {
      const onProgress = (text: string) => process.stderr.write(`${text} …\n`);
      const measured = await measureStations(config, { seconds, signal, onProgress });
      process.stdout.write(json ? `${JSON.stringify(measured, null, 2)}\n` : measureText(measured));
      return 0;
    } catch (thrown) {
      if (signal.aborted) return INTERRUPTED;
      throw thrown;
    }
  });
}
