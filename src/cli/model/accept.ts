import { loadConfig } from '../../config/load.js';
import { SideglanceError } from '../../errors.js';
import type { AcceptanceLabel } from '../../updates/acceptance-part.js';
import { AcceptanceSet } from '../../updates/acceptance-set.js';

export interface AcceptOptions {
  readonly config: string;
  readonly station: string;
}

/** `model accept add` */
export async function add(
  files: readonly string[],
  { config, station, label }: AcceptOptions & { readonly label: AcceptanceLabel },
): Promise<void> {
  const set = setOf(config, station);
  for (const file of files) {
    const { name } = await set.add(station, label, file);
    say(`${file}: every model of station ${station} has to ${label} it from now on (${name})`);
  }
}

/** `model accept list` */
export async function list({ config, station, json }: AcceptOptions & { readonly json?: true }): Promise<void> {
  const parts = await setOf(config, station).list(station);
  if (json) say(JSON.stringify(parts, null, 2));
  else if (parts.length === 0) say(`station ${station} has no acceptance parts`);
  else for (const { label, name, path } of parts) say(`${label}  ${name}  ${path}`);
}

/** `model accept remove` */
export async function remove(names: readonly string[], { config, station }: AcceptOptions): Promise<void> {
  const set = setOf(config, station);
  for (const name of names) {
    await set.remove(station, name);
    say(`${name} is removed from station ${station}`);
  }
}

function setOf(file: string, station: string): AcceptanceSet {
  const { stations, stateFolder } = loadConfig(file);
  if (stations.some(({ name }) => name === station)) return AcceptanceSet.in(stateFolder);
  const names = stations.map(({ name }) => name).join(', ');
  throw new SideglanceError('SG_USAGE', `there is no station ${station}, only ${names}`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
