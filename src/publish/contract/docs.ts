import { asyncapiDocument } from './asyncapi.js';
import { CONTRACT_NAMES, type ContractName, jsonSchemaOf, versionOf } from './json-schema.js';

/** What devices send, and consumers rely on. What they are sent is read by themselves. */
export const SENT_NAMES = CONTRACT_NAMES.filter((name) => !name.startsWith('command-') && name !== 'rollout');

/**
 * The generated documents of the contract, by their path in the project.
 * @param version of sideglance
 */
export function generatedContract(version: string): Readonly<Record<string, string>> {
  return {
    ...Object.fromEntries(CONTRACT_NAMES.map((name) => [`docs/messages/${name}.schema.json`, schemaText(name)])),
    'docs/asyncapi.yaml': asyncapiDocument(version),
  };
}

/** Where the schema is kept as it was last released. */
export function publishedPath(name: ContractName): string {
  return `docs/messages/published/${name}.${versionOf(name)}.schema.json`;
}

export function schemaText(name: ContractName): string {
  return `${JSON.stringify(jsonSchemaOf(name), null, 2)}\n`;
}
