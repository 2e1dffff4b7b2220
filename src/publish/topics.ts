import { SideglanceError } from '../errors.js';
import type { DeviceIdentity } from './messages.js';

/** First level of every topic. */
const ROOT = 'sideglance';
/** What the device itself says; a station of that name would mix its topics with them. */
const RESERVED_STATIONS = new Set(['status', 'health', 'model', 'command', 'answer', 'audit', 'update']);
const LIMITS = { nameBytes: 128 } as const;

export interface StationTopics {
  readonly inspection: string;
  readonly map: string;
  readonly frame: string;
  readonly camera: string;
  readonly gap: string;
  readonly snapshot: string;
}

export interface DeviceTopics {
  /** `sideglance/<site>/<line>/<device>` */
  readonly root: string;
  readonly status: string;
  readonly health: string;
  readonly model: string;
  readonly update: string;
  /** Where answers to commands go unless the command names a topic, and what was done about each command. */
  readonly answer: string;
  readonly audit: string;
  /** What commands are received on: those to the device, and those to a station. */
  readonly commandFilters: readonly string[];
  /** Throws SG_CONFIG_INVALID when the station's name cannot be a topic level. */
  station(name: string): StationTopics;
}

/**
 * What is wrong with `name` as one level of a topic, or null. Wildcards and the separator (MQTT 5 §4.7.1) would
 * change who receives the message, `$` marks the broker's own topics (§4.7.2), control characters and lone surrogates
 * make brokers close the connection (§1.5.4).
 */
export function topicNameFault(name: string): string | null {
  if (name === '') return 'is empty';
  const taken = /[+#/$]/.exec(name);
  if (taken) return `contains '${taken[0]}', which has a meaning of its own in MQTT topics`;
  if (/\p{Cc}|\p{Cs}/u.test(name)) return 'contains a character that MQTT does not allow in topics';
  if (name !== name.trim()) return 'begins or ends with a space';
  if (Buffer.byteLength(name) > LIMITS.nameBytes) return `is longer than ${LIMITS.nameBytes} bytes`;
  return null;
}

function level(what: string, name: string): string {
  const fault = topicNameFault(name);
  if (fault) {
    throw new SideglanceError(
      'SG_CONFIG_INVALID',
      `the ${what} ${JSON.stringify(name)} ${fault}: choose a name without + # / $ and control characters`,
    );
  }
  return name;
}

/** The topics of one device. Throws SG_CONFIG_INVALID when a name cannot be a topic level. */
export function deviceTopics(device: DeviceIdentity): DeviceTopics {
  const root = [ROOT, level('site', device.site), level('line', device.line), level('device', device.name)].join('/');
  const stations = new Map<string, StationTopics>();
  return {
    root,
    status: `${root}/status`,
    health: `${root}/health`,
    model: `${root}/model`,
    update: `${root}/update`,
    answer: `${root}/answer`,
    audit: `${root}/audit`,
    commandFilters: [`${root}/command/+`, `${root}/+/command/+`],
    station(name) {
      const known = stations.get(name);
      if (known) return known;
      if (RESERVED_STATIONS.has(name)) {
        throw new SideglanceError(
          'SG_CONFIG_INVALID',
          `the station name '${name}' is taken by the device's own topic ${root}/${name}: choose another one`,
        );
      }
      const base = `${root}/${level('station', name)}`;
      const topics = {
        inspection: `${base}/inspection`,
        map: `${base}/map`,
        frame: `${base}/frame`,
        camera: `${base}/camera`,
        gap: `${base}/gap`,
        snapshot: `${base}/snapshot`,
      };
      stations.set(name, topics);
      return topics;
    },
  };
}
