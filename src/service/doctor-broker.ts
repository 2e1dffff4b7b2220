import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Config, DeviceConfig, MqttConfig } from '../config/schema.js';
import { reasonOf } from '../errors.js';
import { brokerAddress, Connection, type Welcome } from '../publish/connection.js';
import type { BrokerFault } from '../publish/faults.js';
import { SESSION_DEFAULTS } from '../publish/options.js';
import { retainedJson } from '../publish/packet.js';
import { deviceTopics } from '../publish/topics.js';
import type { Check, Finding } from './doctor.js';

export const BROKER_CHECK_LIMITS = { connectMs: 5_000, goodbyeMs: 500 } as const;

/** Whether verdicts could be delivered: each broker takes us as a client, or ours would get its port. */
export function brokerChecks({ device, mqtt }: Pick<Config, 'device' | 'mqtt'>): Check[] {
  const { url, fallbackUrls, embedded } = mqtt;
  const fix = 'start the broker, or correct `mqtt` in the configuration';
  const standIns = fallbackUrls.map((standIn): Check => {
    const check = { name: 'MQTT broker that stands in', fix };
    return { ...check, run: () => brokerFinding(device, mqtt, standIn).catch((thrown) => standInFault(thrown, fix)) };
  });
  const run = () => (url === undefined ? portFinding(embedded) : brokerFinding(device, mqtt, url));
  return [{ name: 'MQTT broker', fix, run }, ...standIns];
}

/** Verdicts are delivered without it, until the preferred one goes. */
function standInFault(thrown: unknown, fix: string): Omit<Finding, 'check'> {
  return { state: 'warn', text: reasonOf(thrown), fix };
}

async function brokerFinding(device: DeviceConfig, mqtt: MqttConfig, url: string): Promise<Omit<Finding, 'check'>> {
  const address = brokerAddress(url);
  const speak = (version: 5 | 4) => tryConnection(device, mqtt, url, version);
  let answer = await speak(mqtt.protocolVersion);
  if ('error' in answer && answer.wrongVersion !== 'no' && mqtt.protocolVersion === 5) {
    const older = await speak(4);
    // Where neither works, the first answer is the one that says why.
    if (!('error' in older)) answer = older;
  }
  if ('error' in answer) throw answer.error;
  const protocol = answer.protocolVersion === 5 ? 'MQTT 5' : 'MQTT 3.1.1';
  return { state: 'ok', text: `${address.text} takes us, ${protocol}${address.isEncrypted ? ', encrypted' : ''}` };
}

/** Under a client id of its own: with the daemon's, the broker would throw the daemon out. */
function tryConnection(
  device: DeviceConfig,
  mqtt: MqttConfig,
  url: string,
  version: 5 | 4,
): Promise<Welcome | BrokerFault> {
  const { site, line, name } = device;
  const clientId = `${mqtt.clientId ?? `sideglance-${site}-${line}-${name}`}-doctor`;
  const will = { ...retainedJson(`${deviceTopics(device).root}/doctor`, {}), retain: false };
  return new Promise((resolve, reject) => {
    const connection = new Connection(
      brokerAddress(url),
      { ...mqtt, url, clientId, session: SESSION_DEFAULTS },
      version,
      BROKER_CHECK_LIMITS.connectMs,
      will,
      null,
      {
        up: (welcome) => void connection.goodbye(BROKER_CHECK_LIMITS.goodbyeMs).then(() => resolve(welcome), reject),
        down: resolve,
        deaf: () => {},
      },
    );
  });
}

/** Nobody but a daemon that runs already may have the embedded broker's port. */
async function portFinding({ host, port }: MqttConfig['embedded']): Promise<Omit<Finding, 'check'>> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
    return { state: 'ok', text: `embedded, ${host}:${port} is free` };
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw thrown;
    return {
      state: 'warn',
      text: `embedded, but ${reasonOf(thrown)}`,
      fix: `nothing to mend where it is a daemon that runs already; \`ss -ltnp 'sport = :${port}'\` names it. Else set mqtt.embedded.port`,
    };
  } finally {
    server.close();
  }
}
