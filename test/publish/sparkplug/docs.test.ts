import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PACKAGE_ROOT } from '../../../src/paths.js';
import { commandDefinitions } from '../../../src/publish/sparkplug/commands.js';
import { deviceDefinitions } from '../../../src/publish/sparkplug/device-metrics.js';
import { nodeDefinitions } from '../../../src/publish/sparkplug/node-metrics.js';
import { rememberingCommands } from './support/edge.js';

// Without the padding of the tables.
const text = readFileSync(join(PACKAGE_ROOT, 'docs/sparkplug.md'), 'utf8').replaceAll(/ +\|/g, ' |');
/** `tck-id-…` in the specification of version 3.0.0. */
const REQUIREMENTS = 303;

test('docs/sparkplug.md lists every requirement once, and for each that applies a test of that name', () => {
  const tested = [...text.matchAll(/^\| (tck-id-\S+) \| (\S+) \|$/gm)].map(([, id = '', file = '']) => ({ id, file }));
  const others = [...text.matchAll(/^- (tck-id-\S+)$/gm)].map(([, id = '']) => id);
  const all = [...tested.map(({ id }) => id), ...others];
  assert.equal(all.length, REQUIREMENTS);
  assert.equal(new Set(all).size, REQUIREMENTS);
  for (const { id, file } of tested) {
    const source = readFileSync(join(PACKAGE_ROOT, 'test/publish/sparkplug', `${file}.test.ts`), 'utf8');
    assert.ok(source.includes(`'${id}'`), `${id} is not in ${file}.test.ts`);
  }
});

test('docs/sparkplug.md lists every metric with its type and unit, and no other', () => {
  const shown = [...text.matchAll(/^\| `([A-Z][^`]*\/[^`]*|bdSeq)` \| (\w+) \| ([^|]*)/gm)].map(
    ([, name, type, unit = '']) => ({
      name,
      type,
      unit: unit.trim(),
    }),
  );
  const units = new Map(shown.map(({ name, unit }) => [name, unit]));
  const stations = deviceDefinitions(['<region>']);
  const definitions = [...nodeDefinitions('0', 0, true), ...stations, ...commandDefinitions(rememberingCommands([]))];
  const names = (list: readonly { readonly name?: string | undefined; readonly type?: string | undefined }[]) =>
    list.map(({ name, type }) => `${name} ${type}`).sort();
  assert.deepEqual(names(shown), names(definitions));
  for (const { name, unit = '' } of stations) assert.equal(units.get(name), unit, name);
});

test('the tags that docs/install.md names for Ignition are born', () => {
  const guide = readFileSync(join(PACKAGE_ROOT, 'docs/install.md'), 'utf8');
  const [groupId, edgeNodeId] = ['groupId', 'edgeNodeId'].map((key) => new RegExp(`  ${key}: (\\S+)`).exec(guide)?.[1]);
  const tags = [...guide.matchAll(/^\| `Edge Nodes\/([^`]+)`/gm)].map(([, tag = '']) => tag);
  const node = nodeDefinitions('0', 0, true).map(({ name }) => `${groupId}/${edgeNodeId}/${name}`);
  const station = deviceDefinitions(['frame']).map(({ name }) => `${groupId}/${edgeNodeId}/top/${name}`);
  const born = new Set([...node, ...station]);
  assert.ok(tags.length >= 8);
  for (const tag of tags) assert.ok(born.has(tag), tag);
  for (const [, name = ''] of guide.matchAll(/`((?:Counts|Regions\/frame)\/\w+)`/g)) {
    assert.ok(born.has(`${groupId}/${edgeNodeId}/top/${name}`), name);
  }
});

test('the trace shows birth, data, death, rebirth and history', () => {
  const trace = text.split('<!-- trace -->')[1]?.split('<!-- /trace -->')[0] ?? '';
  for (const what of ['NBIRTH', 'DBIRTH', 'NDATA', 'DDATA', 'NDEATH', 'DDEATH', 'NCMD', 'STATE', '  historical']) {
    assert.ok(trace.includes(what), what);
  }
});
