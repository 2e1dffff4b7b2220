import { readFileSync } from 'node:fs';
import { loadConfig } from '../../config/load.js';
import { reasonOf, SideglanceError } from '../../errors.js';
import { FleetConnection } from '../../fleet/connection.js';
import { FLEET_FILTERS, Fleet } from '../../fleet/fleet.js';
import type { MqttOptions } from '../../publish/options.js';

/** How the broker is reached. */
export interface AccessOptions {
  readonly broker?: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly clientId?: string;
  readonly config?: string;
}

/** @throws SideglanceError SG_USAGE; as `loadConfig` */
export function accessOf(options: AccessOptions): MqttOptions {
  const { broker, username, passwordFile, ca, cert, key, clientId, config } = options;
  const written = config === undefined ? null : loadConfig(config).mqtt;
  const url = broker ?? written?.url ?? (written === null ? undefined : embedded(written.embedded));
  if (url === undefined)
    throw new SideglanceError('SG_USAGE', 'name the broker: --broker mqtts://host:8883, or --config');
  const tls = { ...written?.tls, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  const user = username ?? written?.username;
  const password = passwordFile === undefined ? written?.password : passwordIn(passwordFile);
  return {
    url,
    ...(written?.protocolVersion !== undefined && { protocolVersion: written.protocolVersion }),
    ...(user !== undefined && { username: user }),
    ...(password !== undefined && { password }),
    ...(clientId !== undefined && { clientId }),
    tls,
  };
}

/** What all devices have left at the broker, and whatever comes from now on. */
export async function openFleet(
  options: AccessOptions,
  filters: readonly string[] = [],
  hear: (topic: string, payload: Uint8Array) => void = () => {},
) {
  const connection = await FleetConnection.open(accessOf(options));
  const fleet = new Fleet();
  connection.onMessage((topic, payload) => {
    fleet.hear(topic, payload);
    hear(topic, payload);
  });
  try {
    await connection.collect([...FLEET_FILTERS, ...filters]);
  } catch (thrown) {
    await connection.close();
    throw thrown;
  }
  return { connection, fleet };
}

function embedded({ host, port }: { readonly host: string; readonly port: number }): string {
  return `mqtt://${host}:${port}`;
}

function passwordIn(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (cause) {
    throw new SideglanceError('SG_USAGE', `the password file ${file} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}
