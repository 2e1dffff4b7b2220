import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { PACKAGE_ROOT } from '../../../src/paths.js';
import { contractFaults } from '../../../src/publish/contract/additive.js';
import { publishedPath, SENT_NAMES } from '../../../src/publish/contract/docs.js';
import { type JsonSchema, jsonSchemaOf } from '../../../src/publish/contract/json-schema.js';

const FOLDER = join(PACKAGE_ROOT, 'docs/messages/published');

describe('what was released', () => {
  // A message that was never released may still change: `scripts/publish-schemas.mjs` is for releases.
  for (const file of readdirSync(FOLDER)) {
    const released = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as JsonSchema;
    const name = SENT_NAMES.find((one) => jsonSchemaOf(one).$id === released.$id);

    it(`${file} is named after its message and version`, () => {
      assert.equal(file, `${String(released.$id).split(':').slice(3).join('.')}.schema.json`);
      if (name !== undefined) assert.equal(publishedPath(name), `docs/messages/published/${file}`);
    });
    if (name === undefined) continue;
    it(`${file}: the message has only been added to`, () => {
      assert.deepEqual(contractFaults(released, jsonSchemaOf(name)), []);
    });
  }

  it('includes the verdict', () => {
    assert.ok(readdirSync(FOLDER).includes('inspection.1.schema.json'));
  });
});

describe('a change', () => {
  /** The schema of an inspection after `change`, against the one before. */
  const faultsOf = (change: (schema: JsonSchema) => void): string[] => {
    const changed = structuredClone(jsonSchemaOf('inspection'));
    change(changed);
    return contractFaults(jsonSchemaOf('inspection'), changed);
  };
  const field = (schema: JsonSchema, ...path: string[]): JsonSchema =>
    path.reduce((at, step) => (step === '[]' ? at.items : at.properties?.[step]) as JsonSchema, schema);

  const allowed: Record<string, (schema: JsonSchema) => void> = {
    'a new field, required or not': (schema) => {
      (schema.properties as Record<string, JsonSchema>).shift = { type: 'string' };
      schema.required = [...(schema.required ?? []), 'shift'];
    },
    'a new field deep inside': (schema) => {
      (field(schema, 'regions', '[]', 'defects', '[]').properties as Record<string, JsonSchema>).colour = {};
    },
    'another value of an open list': (schema) => {
      const kind = field(schema, 'regions', '[]', 'defects', '[]', 'kind');
      kind.examples = [...(kind.examples ?? []), 'colour'];
    },
    'other words': (schema) => {
      field(schema, 'verdict').description = 'What we think of it.';
    },
    'a narrower range': (schema) => {
      field(schema, 'timings', 'total').minimum = 0;
    },
  };
  for (const [what, change] of Object.entries(allowed)) {
    it(`may be ${what}`, () => assert.deepEqual(faultsOf(change), []));
  }

  const refused: Record<string, [change: (schema: JsonSchema) => void, fault: RegExp]> = {
    'a field that goes away': [
      (schema) => delete field(schema, 'regions', '[]').properties?.score,
      /^\$\.regions\[\]\.score is gone$/,
    ],
    'a field that may be absent': [
      (schema) => {
        schema.required = (schema.required ?? []).filter((name) => name !== 'verdict');
      },
      /^\$\.verdict may be absent now$/,
    ],
    'another type': [
      (schema) => {
        field(schema, 'part', 'sequence').type = 'string';
      },
      /^\$\.part\.sequence has another type: "integer" before, "string" now$/,
    ],
    'a field that becomes null': [
      (schema) => {
        const timings = schema.properties as Record<string, JsonSchema>;
        timings.timings = { anyOf: [timings.timings as JsonSchema, { type: 'null' }] };
      },
      /^\$\.timings has another type/,
    ],
    'a new value of a closed list': [
      (schema) => {
        field(schema, 'verdict').enum = ['pass', 'fail', 'invalid', 'perhaps'];
      },
      /^\$\.verdict has another enum/,
    ],
    'a value of an open list that is never used again': [
      (schema) => {
        const kind = field(schema, 'regions', '[]', 'defects', '[]', 'kind');
        kind.examples = ['position', 'context'];
      },
      /^\$\.regions\[\]\.defects\[\]\.kind is never distortion now$/,
    ],
    'another version under the same name': [
      (schema) => {
        field(schema, 'schema').const = 'sideglance/inspection/2';
      },
      /^\$\.schema has another const/,
    ],
    'a wider range': [
      (schema) => {
        delete field(schema, 'part', 'sequence').minimum;
      },
      /^\$\.part\.sequence has another minimum: 0 before, undefined now$/,
    ],
  };
  for (const [what, [change, fault]] of Object.entries(refused)) {
    it(`must not be ${what}`, () => {
      const faults = faultsOf((schema) => void change(schema));
      assert.ok(
        faults.some((line) => fault.test(line)),
        faults.join('\n') || 'no fault',
      );
    });
  }
});
