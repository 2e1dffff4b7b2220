import { join } from 'node:path';
import type { Config } from '../../config/schema.js';
import { openOutbox } from '../outbox/open.js';
import { OUTBOX_DEFAULTS } from '../outbox/types.js';
import type { StationCommands } from './commands.js';
import { EdgeNode } from './edge-node.js';
import type { EdgeNodeLimits, SparkplugBroker } from './options.js';

const HOUR_MS = 3_600_000;
/** The name that a station's only region has where the configuration names none. */
const WHOLE_FRAME = 'frame';

export interface EdgeNodeSurroundings {
  readonly agentVersion: string;
  /** Where the embedded broker listens, when it is used. */
  readonly embeddedUrl: string | null;
  readonly commands?: StationCommands;
  readonly limits?: Partial<EdgeNodeLimits>;
}

/**
 * The edge node that the configuration asks for, not started yet; null where it asks for none.
 * @throws SideglanceError SG_STORAGE_IN_USE, SG_STORAGE, SG_BROKER, SG_CONFIG_INVALID
 */
export async function openEdgeNode(config: Config, surroundings: EdgeNodeSurroundings): Promise<EdgeNode | null> {
  const { device, sparkplug, stations } = config;
  if (!sparkplug.enabled) return null;
  const { folder, maxBytes, maxAgeHours, sync, replayPerSecond } = sparkplug.store;
  const outbox = await openOutbox({
    ...OUTBOX_DEFAULTS,
    folder,
    maxBytes,
    maxAgeMs: { ...OUTBOX_DEFAULTS.maxAgeMs, verdict: maxAgeHours * HOUR_MS },
    sync,
    replayPerSecond: replayPerSecond === 'unlimited' ? null : replayPerSecond,
    setting: 'sparkplug.store',
  });
  const { agentVersion, embeddedUrl, commands, limits } = surroundings;
  return new EdgeNode({
    groupId: sparkplug.groupId ?? `${device.site}-${device.line}`,
    edgeNodeId: sparkplug.edgeNodeId ?? device.name,
    primaryHost: sparkplug.primaryHost,
    brokers: brokersOf(config, embeddedUrl),
    agentVersion,
    stations: stations.map(({ name, regions }) => ({
      name,
      regions: regions.length === 0 ? [WHOLE_FRAME] : regions.map((region) => region.name),
    })),
    commands,
    outbox,
    bdSeqFile: join(folder, 'bdSeq'),
    resendMs: sparkplug.resendSeconds * 1000,
    limits,
  });
}

function brokersOf({ device, mqtt, sparkplug }: Config, embeddedUrl: string | null): SparkplugBroker[] {
  const clientId = sparkplug.clientId ?? `sideglance-${device.site}-${device.line}-${device.name}-sparkplug`;
  const { keepaliveSeconds, protocolVersion, tls, url, fallbackUrls } = mqtt;
  const { username, password } = sparkplug.username === undefined ? mqtt : sparkplug;
  const urls = sparkplug.urls ?? (url === undefined ? [] : [url, ...fallbackUrls]);
  if (urls.length > 0) {
    return urls.map((one) => ({ url: one, clientId, keepaliveSeconds, protocolVersion, tls, username, password }));
  }
  if (embeddedUrl === null) throw new Error('neither a broker nor the embedded one');
  return [{ url: embeddedUrl, clientId, keepaliveSeconds, protocolVersion: 4 }];
}
