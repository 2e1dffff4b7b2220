import { stringify } from 'yaml';
import { COMMAND_NAMES } from '../../config/commands.js';
import {
  CHANNELS,
  type Channel,
  COMMAND_CHANNELS,
  FLEET_CHANNELS,
  JSON_CHANNELS,
  type JsonMessage,
  PARAMETERS,
  PICTURES,
} from './channels.js';
import { CONTRACT_NAMES, type ContractName, jsonSchemaOf } from './json-schema.js';

/**
 * The AsyncAPI 3.0.0 document of what a device publishes and of the commands that it takes, as YAML. Schemas stand in it as
 * draft-07, which every AsyncAPI tool reads; `docs/messages/` has them as files of their own.
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
      description:
        'What an inspection device publishes over MQTT, and the commands that it takes. docs/mqtt.md says what is guaranteed.',
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
    channels: mapValues({ ...CHANNELS, ...COMMAND_CHANNELS, ...FLEET_CHANNELS }, channelObject),
    operations: Object.fromEntries([
      ...Object.entries(CHANNELS).map(([name, channel]) => [`send-${name}`, sending(name, channel)] as const),
      ...Object.entries(COMMAND_CHANNELS).map(([name, { messages }]) => [`receive-${name}`, answering(name, messages)]),
      ...Object.entries(FLEET_CHANNELS).map(([name, { messages }]) => [`receive-${name}`, receiving(name, messages)]),
    ]),
    components: {
      messages: {
        ...Object.fromEntries(names.map((name) => [name, jsonMessageObject(name)])),
        ...mapValues(PICTURES, pictureMessageObject),
        ...Object.fromEntries(COMMAND_NAMES.map((name) => [`command-${name}`, jsonMessageObject(`command-${name}`)])),
        rollout: jsonMessageObject('rollout'),
      },
      parameters: mapValues(PARAMETERS, (description) => ({ description })),
      schemas: Object.fromEntries(CONTRACT_NAMES.map((name) => [name, schemaObject(name)])),
    },
  };
  const note = '# Generated from src/publish/messages.ts and command-messages.ts by `npm run docs`.\n';
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

function inChannel(name: string, messages: readonly string[]) {
  return {
    channel: { $ref: `#/channels/${name}` },
    messages: messages.map((message) => ({ $ref: `#/channels/${name}/messages/${message}` })),
  };
}

function receiving(name: string, messages: readonly string[]) {
  return {
    action: 'receive',
    ...inChannel(name, messages),
    bindings: { mqtt: { qos: 1, bindingVersion: '0.2.0' } },
  };
}

/** The answer goes to the channel `answer`, or below it, where the command names no other topic. */
function answering(name: string, messages: readonly string[]) {
  const { bindings, ...rest } = receiving(name, messages);
  return { ...rest, reply: inChannel('answer', ['answer']), bindings };
}

function sending(name: string, { retained, messages }: Channel) {
  return {
    action: 'send',
    ...inChannel(name, messages),
    bindings: { mqtt: { qos: 1, retain: retained, bindingVersion: '0.2.0' } },
  };
}

function jsonMessageObject(name: ContractName) {
  const { title, description } = jsonSchemaOf(name);
  return { name, title, summary: description, payload: { $ref: `#/components/schemas/${name}` } };
}

function pictureMessageObject({ contentType, summary, headers }: (typeof PICTURES)[keyof typeof PICTURES]) {
  return {
    summary,
    contentType,
    headers: { $ref: `#/components/schemas/${headers}` },
    payload: { type: 'string', format: 'binary' },
  };
}

/** Without the keywords that name a document of its own. */
function schemaObject(name: ContractName) {
  const { $schema, $id, ...schema } = jsonSchemaOf(name, 'draft-07');
  return schema;
}

function mapValues<Value, Result>(
  values: Readonly<Record<string, Value>>,
  of: (value: Value) => Result,
): Record<string, Result> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, of(value)]));
}
