import { COMMAND_NAMES, type CommandName, STATION_COMMANDS } from '../../config/commands.js';
import { MAP_MEDIA_TYPES } from '../../map-forms.js';
import { rolloutTopic } from '../rollout-message.js';
import { deviceTopics } from '../topics.js';
import type { ContractName } from './json-schema.js';

/** They have a channel each. */
export type JsonMessage = Exclude<
  ContractName,
  'picture' | 'snapshot' | 'rollout' | `command-${string}` | `result-${string}`
>;

export interface Channel {
  readonly topic: string;
  readonly retained: boolean;
  readonly messages: readonly string[];
}

/** The topics of any device, by the code that makes those of a real one. */
const TOPICS = deviceTopics({ site: '{site}', line: '{line}', name: '{device}' });
const STATION_TOPICS = TOPICS.station('{station}');

export const JSON_CHANNELS: Readonly<Record<JsonMessage, Omit<Channel, 'messages'>>> = {
  inspection: { topic: STATION_TOPICS.inspection, retained: false },
  gap: { topic: STATION_TOPICS.gap, retained: false },
  camera: { topic: STATION_TOPICS.camera, retained: true },
  status: { topic: TOPICS.status, retained: true },
  model: { topic: TOPICS.model, retained: true },
  update: { topic: TOPICS.update, retained: true },
  health: { topic: TOPICS.health, retained: true },
  answer: { topic: TOPICS.answer, retained: false },
  audit: { topic: TOPICS.audit, retained: false },
};

/** Files rather than JSON: what is known of them stands in MQTT 5 user properties. */
export const PICTURES = {
  mapPng: {
    contentType: MAP_MEDIA_TYPES.png8,
    summary: 'An anomaly map as grey PNG of 8 or 16 bits.',
    headers: 'picture',
  },
  mapFloat16: {
    contentType: MAP_MEDIA_TYPES.float16,
    summary: 'An anomaly map as values in half precision.',
    headers: 'picture',
  },
  mapOverlay: {
    contentType: MAP_MEDIA_TYPES.overlay,
    summary: 'A part with its anomaly maps over it, for people.',
    headers: 'picture',
  },
  frame: { contentType: 'image/jpeg', summary: 'The frame that was inspected.', headers: 'picture' },
  snapshot: { contentType: 'image/jpeg', summary: 'A frame that a command asked for.', headers: 'snapshot' },
} as const;

/** What devices publish. */
export const CHANNELS: Readonly<Record<string, Channel>> = {
  ...Object.fromEntries(
    Object.entries(JSON_CHANNELS).map(([name, channel]) => [name, { ...channel, messages: [name] }] as const),
  ),
  map: { topic: STATION_TOPICS.map, retained: false, messages: ['mapPng', 'mapFloat16', 'mapOverlay'] },
  frame: { topic: STATION_TOPICS.frame, retained: false, messages: ['frame'] },
  snapshot: { topic: STATION_TOPICS.snapshot, retained: false, messages: ['snapshot'] },
};

const commandChannels = (names: readonly CommandName[], prefix: string, root: string) =>
  names.map((command): [string, Channel] => [
    `${prefix}command-${command}`,
    { topic: `${root}/command/${command}`, retained: false, messages: [`command-${command}`] },
  ]);

/** What devices listen to. A command to a station may be sent to the device as well, and name the station. */
export const COMMAND_CHANNELS: Readonly<Record<string, Channel>> = Object.fromEntries([
  ...commandChannels(COMMAND_NAMES, '', TOPICS.root),
  ...commandChannels(STATION_COMMANDS, 'station-', `${TOPICS.root}/{station}`),
]);

/** What all devices listen to, and none answers: it reports on `update`. */
export const FLEET_CHANNELS: Readonly<Record<string, Channel>> = {
  rollout: { topic: rolloutTopic('{model}'), retained: true, messages: ['rollout'] },
};

export const PARAMETERS: Readonly<Record<string, string>> = {
  site: 'The plant: `device.site` of the configuration.',
  line: 'The production line: `device.line`.',
  device: 'The computer, unique on its line: `device.name`.',
  station: 'One camera of the device: `stations[].name`.',
  model: 'The id of a model of the store.',
};
