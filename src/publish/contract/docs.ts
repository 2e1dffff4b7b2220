import { MESSAGE_SCHEMAS, type MessageName } from '../messages.js';
import { asyncapiDocument } from './asyncapi.js';
import { jsonSchemaOf, versionOf } from './json-schema.js';

export const MESSAGE_NAMES = Object.keys(MESSAGE_SCHEMAS) as MessageName[];

/**
 * The generated documents of the contract, by their path in the project.
 * @param version of sideglance
 */
export function generatedContract(version: string): Readonly<Record<string, string>> {
  return {
    ...Object.fromEntries(MESSAGE_NAMES.map((name) => [`docs/messages/${name}.schema.json`, schemaText(name)])),
    'docs/asyncapi.yaml': asyncapiDocument(version),
  };
}

/** Where the schema is kept as it was last released. */
export function publishedPath(name: MessageName): string {
  return `docs/messages/published/${name}.${versionOf(name)}.schema.json`;
}

export function schemaText(name: MessageName): string {
  return `${JSON.stringify(jsonSchemaOf(name), null, 2)}\n`;
}
