import { stringify } from 'yaml';
import { MAP_MEDIA_TYPES } from '../../map-forms.js';
import type { MessageName } from '../messages.js';
import { deviceTopics } from '../topics.js';
import { jsonSchemaOf } from './json-schema.js';

type JsonMessage = Exclude<MessageName, 'picture'>;

interface Channel {
  readonly topic: string;
  readonly retained: boolean;
  readonly messages: readonly string[];
}

/** The topics of any device, by the code that makes those of a real one. */
const TOPICS = deviceTopics({ site: '{site}', line: '{line}', name: '{device}' });
const STATION_TOPICS = TOPICS.station('{station}');

/** The JSON messages have a channel each. */
const JSON_CHANNELS: Readonly<Record<JsonMessage, Omit<Channel, 'messages'>>> = {
  inspection: { topic: STATION_TOPICS.inspection, retained: false },
  gap: { topic: STATION_TOPICS.gap, retained: false },
  camera: { topic: STATION_TOPICS.camera, retained: true },
  status: { topic: TOPICS.status, retained: true },
  model: { topic: TOPICS.model, retained: true },
  health: { topic: TOPICS.health, retained: true },
};

/** Files rather than JSON: what is known of them stands in MQTT 5 user properties. */
const PICTURES = {
  mapPng: { contentType: MAP_MEDIA_TYPES.png8, summary: 'An anomaly map as grey PNG of 8 or 16 bits.' },
  mapFloat16: { contentType: MAP_MEDIA_TYPES.float16, summary: 'An anomaly map as values in half precision.' },
  mapOverlay: { contentType: MAP_MEDIA_TYPES.overlay, summary: 'A part with its anomaly maps over it, for people.' },
  frame: { contentType: 'image/jpeg', summary: 'The frame that was inspected.' },
} as const;

const CHANNELS: Readonly<Record<string, Channel>> = {
  ...Object.fromEntries(
    Object.entries(JSON_CHANNELS).map(([name, channel]) => [name, { ...channel, messages: [name] }] as const),
  ),
  map: { topic: STATION_TOPICS.map, retained: false, messages: ['mapPng', 'mapFloat16', 'mapOverlay'] },
  frame: { topic: STATION_TOPICS.frame, retained: false, messages: ['frame'] },
};

const PARAMETERS: Readonly<Record<string, string>> = {
  site: 'The plant: `device.site` of the configuration.',
  line: 'The production line: `device.line`.',
  device: 'The computer, unique on its line: `device.name`.',
  station: 'One camera of the device: `stations[].name`.',
};

/**
 * The AsyncAPI 3.0.0 document of what a device publishes, as YAML. Schemas stand in it as draft-07, which every
 * AsyncAPI tool reads; `docs/messages/` has them as files of their own.
 *
 * @param version of sideglance
 */
export function asyncapiDocument(version: string): string {
  const names = Object.keys(JSON_CHANNELS) as JsonMessage[];
  const document = {
    asyncapi: '3.0.0',
    id: 'urn:sideglance',
    info: {
      title: 'sideglance',
      version,
      description: 'What an inspection device publishes over MQTT. docs/mqtt.md says what is guaranteed.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      embedded: {
        host: '127.0.0.1:11883',
        protocol: 'mqtt',
        protocolVersion: '3.1.1',
        description: 'The broker that a device runs itself where the configuration names none (`mqtt.url`).',
      },
    },
    channels: mapValues(CHANNELS, channelObject),
    operations: Object.fromEntries(
      Object.entries(CHANNELS).map(([name, channel]) => [`send-${name}`, operationObject(name, channel)]),
    ),
    components: {
      messages: {
        ...Object.fromEntries(names.map((name) => [name, jsonMessageObject(name)])),
        ...mapValues(PICTURES, pictureMessageObject),
      },
      parameters: mapValues(PARAMETERS, (description) => ({ description })),
      schemas: Object.fromEntries([...names, 'picture' as const].map((name) => [name, schemaObject(name)])),
    },
  };
  const note = '# Generated from src/publish/messages.ts by `npm run docs`.\n';
  return note + stringify(document, { lineWidth: 120, aliasDuplicateObjects: false });
}

function channelObject({ topic, messages }: Channel) {
  const used = Object.keys(PARAMETERS).filter((name) => topic.includes(`{${name}}`));
  return {
    address: topic,
    parameters: Object.fromEntries(used.map((name) => [name, { $ref: `#/components/parameters/${name}` }])),
    messages: Object.fromEntries(messages.map((name) => [name, { $ref: `#/components/messages/${name}` }])),
  };
}

function operationObject(name: string, { retained, messages }: Channel) {
  return {
    action: 'send',
    channel: { $ref: `#/channels/${name}` },
    messages: messages.map((message) => ({ $ref: `#/channels/${name}/messages/${message}` })),
    bindings: { mqtt: { qos: 1, retain: retained, bindingVersion: '0.2.0' } },
  };
}

function jsonMessageObject(name: JsonMessage) {
  const { title, description } = jsonSchemaOf(name);
  return { name, title, summary: description, payload: { $ref: `#/components/schemas/${name}` } };
}

function pictureMessageObject({ contentType, summary }: (typeof PICTURES)[keyof typeof PICTURES]) {
  return {
    summary,
    contentType,
    headers: { $ref: '#/components/schemas/picture' },
    payload: { type: 'string', format: 'binary' },
  };
}

/** Without the keywords that name a document of its own. */
function schemaObject(name: MessageName) {
  const { $schema, $id, ...schema } = jsonSchemaOf(name, 'draft-07');
  return schema;
}

function mapValues<Value, Result>(
  values: Readonly<Record<string, Value>>,
  of: (value: Value) => Result,
): Record<string, Result> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, of(value)]));
}
