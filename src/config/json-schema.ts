import { z } from 'zod';
import type { Path } from './faults.js';
import { ConfigSchema } from './schema.js';

/** The part of JSON Schema (draft 2020-12) that the configuration's schema uses. */
export interface JsonSchema {
  readonly $schema?: string;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
}

/** What editors use; committed as `docs/config.schema.json`. Describes the file as it is written. */
export function configJsonSchema(): JsonSchema {
  return z.toJSONSchema(ConfigSchema, { io: 'input' }) as JsonSchema;
}

/** The keys that may stand in the group at `path`; where a group has variants, those of the variant that `value` chose. */
export function keysAt(path: Path, value: unknown): string[] {
  let schema: JsonSchema | undefined = configJsonSchema();
  let inner = value;
  for (const step of [...path, null]) {
    schema = variantOf(schema, inner);
    if (step === null || schema === undefined) break;
    schema = typeof step === 'number' ? schema.items : schema.properties?.[step];
    inner = typeof inner === 'object' && inner !== null ? (inner as Record<string | number, unknown>)[step] : undefined;
  }
  return Object.keys(schema?.properties ?? {});
}

function variantOf(schema: JsonSchema | undefined, value: unknown): JsonSchema | undefined {
  if (schema?.oneOf === undefined) return schema;
  const type = typeof value === 'object' && value !== null ? (value as { type?: unknown }).type : undefined;
  return schema.oneOf.find((one) => one.properties?.type?.const === type);
}
