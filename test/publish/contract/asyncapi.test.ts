import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import { COMMAND_NAMES, STATION_COMMANDS } from '../../../src/config/commands.js';
import { PACKAGE_ROOT } from '../../../src/paths.js';
import { CONTRACT_NAMES, jsonSchemaOf } from '../../../src/publish/contract/json-schema.js';
import { rolloutTopic } from '../../../src/publish/rollout-message.js';
import { deviceTopics } from '../../../src/publish/topics.js';

interface Document {
  readonly channels: Record<string, { address: string; messages: Record<string, { $ref: string }> }>;
  readonly operations: Record<string, { action: string; channel: { $ref: string } }>;
  readonly components: { messages: Record<string, object>; schemas: Record<string, object> };
}

const document = parse(readFileSync(join(PACKAGE_ROOT, 'docs/asyncapi.yaml'), 'utf8')) as Document;
const official = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0.json') as object;

function validator() {
  // The official schema brings draft-07 with it, and uses formats and keywords that Ajv need not know.
  const ajv = new Ajv({ meta: false, validateSchema: false, strict: false, allErrors: true, logger: false });
  addFormats.default(ajv);
  return ajv.compile(official);
}

test('the document is valid by the official JSON Schema of AsyncAPI 3.0.0', () => {
  const isValid = validator();
  assert.ok(isValid(document), JSON.stringify(isValid.errors?.slice(0, 5), null, 2));
  assert.ok(!isValid({ ...document, channels: { odd: { adress: 'x' } } }), 'the schema would let anything pass');
});

test('every reference in the document leads somewhere, and every message is used', () => {
  const resolve = (ref: string): unknown =>
    ref
      .slice(2)
      .split('/')
      .reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], document);
  const references: readonly string[] = JSON.stringify(document).match(/"#\/[^"]+"/g) ?? [];
  for (const ref of references) assert.ok(resolve(JSON.parse(ref)) !== undefined, ref);
  for (const name of Object.keys(document.components.messages)) {
    assert.ok(references.includes(`"#/components/messages/${name}"`), name);
  }
  assert.deepEqual(Object.keys(document.components.schemas).sort(), [...CONTRACT_NAMES].sort());
});

/** What the document says that a device does with these topics. */
const addresses = (action: 'send' | 'receive'): string[] =>
  Object.values(document.operations)
    .filter((operation) => operation.action === action)
    .map(({ channel }) => document.channels[channel.$ref.split('/').at(-1) ?? '']?.address ?? '')
    .map((address) => address.replace('{site}', 'ulm').replace('{line}', 'press'))
    .map((address) => address.replace('{device}', 'edge').replace('{station}', 'top'));

test('its channels are the topics that a device publishes on', () => {
  const topics = deviceTopics({ site: 'ulm', line: 'press', name: 'edge' });
  const { station, status, health, model, update, answer, audit } = topics;
  const own = [status, health, model, update, answer, audit, ...Object.values(station('top'))];
  assert.deepEqual(addresses('send').sort(), own.sort());
});

test('and those of the commands and rollouts that it listens to', () => {
  const root = 'sideglance/ulm/press/edge';
  const own = [
    ...COMMAND_NAMES.map((name) => `${root}/command/${name}`),
    ...STATION_COMMANDS.map((name) => `${root}/top/command/${name}`),
    rolloutTopic('{model}'),
  ];
  assert.deepEqual(addresses('receive').sort(), own.sort());
});

test('every schema of a message is a sound one, by another validator than the one that made it', () => {
  for (const name of CONTRACT_NAMES) {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    addFormats.default(ajv as unknown as Ajv);
    ajv.compile(jsonSchemaOf(name));
  }
});

test('the examples of docs/mqtt.md are valid by the JSON Schemas, and so is what may be added', () => {
  const text = readFileSync(join(PACKAGE_ROOT, 'docs/mqtt.md'), 'utf8');
  const examples = [...text.matchAll(/```json\n(.*?)```/gs)].map(
    (match) => JSON.parse(match[1] ?? '') as Record<string, unknown>,
  );
  for (const example of examples) {
    const [, kind = ''] = String(example.schema).split('/');
    const name = kind === 'map' || kind === 'frame' ? 'picture' : kind;
    const ajv = new Ajv2020();
    addFormats.default(ajv as unknown as Ajv);
    const file = join(PACKAGE_ROOT, `docs/messages/${name}.schema.json`);
    const isValid = ajv.compile(JSON.parse(readFileSync(file, 'utf8')));
    assert.ok(isValid(example), `${name}: ${JSON.stringify(isValid.errors)}`);
    assert.ok(isValid({ ...example, later: 1 }), name);
    assert.ok(!isValid({ ...example, schema: 'sideglance/other/1' }), name);
  }
  const inspection = examples.find(({ schema }) => schema === 'sideglance/inspection/1');
  const ajv = new Ajv2020();
  addFormats.default(ajv as unknown as Ajv);
  const isValid = ajv.compile(jsonSchemaOf('inspection'));
  assert.ok(isValid({ ...inspection, verdict: 'invalid', reason: 'a reason of later' }));
  assert.ok(!isValid({ ...inspection, verdict: 'perhaps' }));
});
