import { listAt } from './checks.js';
import { COMMAND_NAMES } from './commands.js';
import { type Fault, valueAt } from './faults.js';

/** What ties the `commands` group to the rest of the file. */
export function commandFaults(value: unknown): Fault[] {
  const stations = new Set(listAt(value, ['stations']).map((station) => valueAt(station, ['name'])));
  const faults: Fault[] = [];
  for (const command of COMMAND_NAMES) {
    for (const [index, station] of listAt(value, ['commands', 'allow', command]).entries()) {
      if (stations.has(station) || typeof station !== 'string') continue;
      faults.push({ path: ['commands', 'allow', command, index], message: `there is no station ${station}` });
    }
  }
  for (const [index, topic] of listAt(value, ['commands', 'respondTo']).entries()) {
    if (typeof topic === 'string' && topic !== '' && !/[+#\0]|^\$|^\/|\/$|\/\//.test(topic)) continue;
    const message = 'must be a topic such as `plant/answers`, without + # and $, neither beginning nor ending with /';
    faults.push({ path: ['commands', 'respondTo', index], message });
  }
  return faults;
}
