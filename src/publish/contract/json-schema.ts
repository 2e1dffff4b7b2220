import { z } from 'zod';
import { COMMAND_MESSAGE_SCHEMAS, type CommandMessageName } from '../command-messages.js';
import { MESSAGE_SCHEMAS, type MessageName } from '../messages.js';
import { rolloutSchema } from '../rollout-message.js';

/** Everything that has a file in `docs/messages/`. */
export type ContractName = MessageName | CommandMessageName | 'rollout';

const SCHEMAS: Readonly<Record<ContractName, z.ZodObject>> = {
  ...MESSAGE_SCHEMAS,
  ...COMMAND_MESSAGE_SCHEMAS,
  rollout: rolloutSchema,
};

export const CONTRACT_NAMES = Object.keys(SCHEMAS) as ContractName[];

/** The part of JSON Schema that the messages' schemas use. */
export interface JsonSchema {
  [keyword: string]: unknown;
  $schema?: string;
  $id?: string;
  title?: string;
  description?: string;
  type?: string;
  enum?: readonly string[];
  examples?: readonly unknown[];
  properties?: Record<string, JsonSchema>;
  required?: readonly string[];
  items?: JsonSchema;
  anyOf?: readonly JsonSchema[];
}

/**
 * The JSON Schema of one message, as written to `docs/messages/<name>.schema.json`. It lets unknown fields pass, and
 * unknown values of lists that are open, so that a consumer that validates survives what is added later.
 */
export function jsonSchemaOf(
  message: ContractName,
  target: 'draft-2020-12' | 'draft-07' = 'draft-2020-12',
): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(SCHEMAS[message], {
    target,
    io: 'input',
    override: ({ jsonSchema }) => leaveOpen(jsonSchema as JsonSchema),
  }) as JsonSchema;
  const $id = `urn:sideglance:message:${message}:${versionOf(message)}`;
  return { ...($schema === undefined ? {} : { $schema }), $id, title: `sideglance ${message}`, ...rest };
}

/** The number at the end of what the message says in `schema`. Commands and their results say nothing: 1. */
export function versionOf(message: ContractName): number {
  const { schema } = SCHEMAS[message].shape;
  if (schema === undefined) return 1;
  const [says] = schema instanceof z.ZodLiteral ? [...schema.values] : (schema as z.ZodEnum).options;
  return Number(String(says).split('/').at(-1));
}

function leaveOpen(schema: JsonSchema): void {
  if (schema.open !== true) return;
  schema.examples = schema.enum ?? [];
  delete schema.enum;
  delete schema.open;
  schema.description = [schema.description, 'Further values may come: take an unknown one for “other”.']
    .filter((text) => text !== undefined)
    .join(' ');
}
