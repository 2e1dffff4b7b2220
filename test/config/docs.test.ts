import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { generatedConfigDocs } from '../../src/config/docs.js';
import { configJsonSchema, type JsonSchema } from '../../src/config/json-schema.js';
import { loadConfig } from '../../src/config/load.js';
import { DEMO_MODEL } from '../../src/config/relations.js';
import { PACKAGE_ROOT } from '../../src/paths.js';

const shipped = readFileSync(join(PACKAGE_ROOT, 'config.yaml'), 'utf8');

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sideglance-docs-'));
  for (const bundle of ['models/demo', 'images', 'secrets']) mkdirSync(join(folder, bundle), { recursive: true });
  writeFileSync(join(folder, 'models/demo/manifest.json'), '{}');
  for (const file of ['mqtt-password', 'camera-password', 'ca.pem', 'device.pem', 'device.key']) {
    writeFileSync(join(folder, 'secrets', file), 'x');
  }
  for (const file of ['libonnxruntime.so', 'keys.json']) writeFileSync(join(folder, file), '');
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Puts every setting that is commented out in place: `#` without a blank, or, inside such a block, with two. */
function uncomment(text: string): string {
  return text.replace(/^( *)#(?=[a-zA-Z]+:| {2})/gm, '$1');
}

/** The file once for each camera that it shows, everything else put in place. */
function everyCamera(): unknown[] {
  const text = uncomment(shipped);
  const [head, ...blocks] = text.split(/^ {4}camera:\n/m);
  const tailAt = blocks.at(-1)!.search(/^ {4}# The folder of the model bundle/m);
  const tail = blocks.at(-1)!.slice(tailAt);
  blocks[blocks.length - 1] = blocks.at(-1)!.slice(0, tailAt);
  return blocks.map((block) => parse(`${head}    camera:\n${block}${tail}`));
}

/** Every key that the schema has, as `stations[].camera(v4l2).device`. */
function schemaKeys(schema: JsonSchema, path = ''): string[] {
  if (schema.oneOf !== undefined) return schema.oneOf.flatMap((one) => schemaKeys(one, `${path}(${one.title})`));
  const inner = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const at = path === '' ? key : `${path}.${key}`;
    return [at, ...schemaKeys(value, at)];
  });
  return schema.items === undefined ? inner : [...inner, ...schemaKeys(schema.items, `${path}[]`)];
}

function writtenKeys(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((entry) => writtenKeys(entry, `${path}[]`));
  if (typeof value !== 'object' || value === null) return [];
  const type = 'type' in value ? `(${value.type})` : '';
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = path === '' ? key : `${path}${type}.${key}`;
    return [at, ...writtenKeys(inner, at)];
  });
}

describe('the shipped config.yaml', () => {
  it('shows every key of the schema, and no other', () => {
    const written = new Set(everyCamera().flatMap((one) => writtenKeys(one)));
    // Shown once, with the first kind of camera, and said to be common to all.
    const common = /\((v4l2|rtsp|gige|csi|files|pipeline)\)\.(format|silentAfterMs|reopenAfterMs|queue)$/;
    const known = schemaKeys(configJsonSchema());
    assert.deepEqual(
      known.filter((key) => !written.has(key) && !common.test(key)),
      [],
    );
    assert.deepEqual(
      [...written].filter((key) => !known.includes(key)),
      [],
    );
  });

  it('shows as values in use only defaults and what is required', () => {
    const defaults = (schema: JsonSchema, value: unknown, path: string): string[] => {
      if (Array.isArray(value) && schema.items?.type === 'object') {
        return value.flatMap((entry) => defaults(schema.items!, entry, `${path}[]`));
      }
      const variant = schema.oneOf?.find((one) => one.properties?.type?.const === (value as { type: string }).type);
      const { properties, required = [] } = variant ?? schema;
      if (properties === undefined) {
        const same = JSON.stringify(schema.default) === JSON.stringify(value);
        return same ? [] : [path];
      }
      return Object.entries(value as Record<string, unknown>).flatMap(([key, inner]) => {
        const next = properties[key]!;
        if (schema.default !== undefined && Object.keys(schema.default as object).length > 0) return [];
        return required.includes(key) && next.type === 'string' ? [] : defaults(next, inner, `${path}.${key}`);
      });
    };
    assert.deepEqual(defaults(configJsonSchema(), parse(shipped), ''), []);
    assert.deepEqual(parse(shipped).stations[0].threshold, { falseRejectRate: 0.005 });
  });

  it('is a configuration that loads, with each camera that it shows', () => {
    const cameras = everyCamera().map(
      (one) => (one as { stations: [{ camera: { type: string } }] }).stations[0].camera,
    );
    assert.deepEqual(
      cameras.map((camera) => camera.type),
      ['simulated', 'v4l2', 'rtsp', 'gige', 'gige', 'csi', 'files', 'pipeline'],
    );
    for (const camera of cameras) {
      const written = parse(shipped);
      // It shows both ways to give a password, of which one may be in use.
      if (camera.type === 'rtsp') delete (camera as { password?: string }).password;
      written.stations[0] = { ...written.stations[0], camera, model: 'models/demo' };
      const file = join(folder, 'config.yaml');
      writeFileSync(file, JSON.stringify(written));
      assert.equal(loadConfig(file).stations[0]?.camera.type, camera.type);
    }
  });

  it('loads as it stands', () => {
    const { stations, mqtt } = loadConfig(join(PACKAGE_ROOT, 'config.yaml'));
    assert.deepEqual([stations.length, stations[0]?.model, mqtt.url], [1, DEMO_MODEL, undefined]);
  });

  it('names the JSON Schema for editors', () => {
    assert.match(shipped, /^# yaml-language-server: \$schema=docs\/config\.schema\.json$/m);
  });
});

describe('generated documents', () => {
  for (const [path, text] of Object.entries(generatedConfigDocs())) {
    it(`${path} is up to date (npm run docs)`, () => {
      assert.equal(readFileSync(join(PACKAGE_ROOT, path), 'utf8'), text);
    });
  }

  it('describe every key', () => {
    const silent = (schema: JsonSchema, path: string): string[] => [
      ...Object.entries(schema.properties ?? {}).flatMap(([key, value]) => [
        ...(value.description === undefined && value.const === undefined ? [`${path}.${key}`] : []),
        ...silent(value, `${path}.${key}`),
      ]),
      ...(schema.items ? silent(schema.items, `${path}[]`) : []),
      ...(schema.oneOf ?? []).flatMap((one) => silent(one, path)),
    ];
    assert.deepEqual(silent(configJsonSchema(), ''), []);
  });
});
