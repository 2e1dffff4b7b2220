import { configJsonSchema, type JsonSchema } from './json-schema.js';

/** The generated documents, by their path in the project. `scripts/generate-docs.mjs` writes them. */
export function generatedConfigDocs(): Readonly<Record<string, string>> {
  return {
    'docs/config.schema.json': `${JSON.stringify(configJsonSchema(), null, 2)}\n`,
    'docs/configuration.md': configMarkdown(),
  };
}

function configMarkdown(): string {
  const schema = configJsonSchema();
  return `# Configuration

<!-- Generated from src/config/schema.ts by \`npm run docs\`. -->

Every key of \`config.yaml\`. [config.yaml](../config.yaml) shows them all in place;
[config.schema.json](config.schema.json) lets editors complete and check them. A file with faults stops the start: each
fault is named with its line and column. Paths are relative to the file.
${sections('', schema).join('\n')}`;
}

/** One table for each group of keys; groups inside it follow. */
function sections(path: string, schema: JsonSchema): string[] {
  if (schema.oneOf !== undefined) {
    return schema.oneOf.flatMap((variant) => group(`${path}, \`type: ${variant.title}\``, path, variant));
  }
  return group(path, path, schema);
}

function group(heading: string, path: string, schema: JsonSchema): string[] {
  const entries = Object.entries(schema.properties ?? {});
  const rows = entries.map(([key, value]) => {
    const cells = [`\`${key}\``, kind(value), defaultOf(value, schema.required?.includes(key) ?? false)];
    return `| ${[...cells, value.description ?? ''].join(' | ').replaceAll('\n', ' ')} |`;
  });
  const table = `
## ${heading === '' ? 'The file' : heading}

${schema.description === undefined ? '' : `${schema.description}\n\n`}| key | value | default | |
|---|---|---|---|
${rows.join('\n')}
`;
  const inner = entries.flatMap(([key, value]) => {
    const at = path === '' ? key : `${path}.${key}`;
    if (value.items !== undefined && value.items.type === 'object') return sections(`${at}[]`, value.items);
    return value.properties !== undefined || value.oneOf !== undefined ? sections(at, value) : [];
  });
  return [table, ...inner];
}

function kind(schema: JsonSchema): string {
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.anyOf !== undefined) return schema.anyOf.map(kind).join(' or ');
  switch (schema.type) {
    case 'string':
      return 'text';
    case 'boolean':
      return '`true` or `false`';
    case 'integer':
    case 'number':
      return `${schema.type === 'integer' ? 'whole number' : 'number'}${range(schema)}`;
    case 'array':
      return schema.items?.type === 'object' ? 'list of groups' : `list of ${kind(schema.items ?? {})}`;
    default:
      return 'group';
  }
}

function range({ minimum, exclusiveMinimum, maximum }: JsonSchema): string {
  const from = exclusiveMinimum === undefined ? minimum : `more than ${exclusiveMinimum}`;
  return from === undefined && maximum === undefined ? '' : `, ${from ?? '…'} to ${maximum ?? '…'}`;
}

function defaultOf(schema: JsonSchema, required: boolean): string {
  if (required) return 'required';
  if (schema.default === undefined) return '';
  const isGroup = typeof schema.default === 'object' && Object.keys(schema.default ?? {}).length === 0;
  return isGroup ? '' : `\`${JSON.stringify(schema.default).replaceAll('"', '')}\``;
}
