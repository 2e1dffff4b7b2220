import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { PACKAGE_ROOT } from '../../src/paths.js';

interface Stanza {
  readonly licence: string;
  readonly authors: string;
}
/** The scripts are plain JavaScript and are not compiled: they are loaded from where they lie. */
async function script<T>(name: string): Promise<T> {
  return import(pathToFileURL(join(PACKAGE_ROOT, 'scripts/corpus', name)).href) as Promise<T>;
}
const { allowedLicence, parseCopyright, stanzaOf } = await script<{
  allowedLicence(expression: string): string | null;
  parseCopyright(text: string): Stanza[];
  stanzaOf(stanzas: Stanza[], path: string): Stanza | null;
}>('licences.mjs');
const { readZip } = await script<{ readZip(bytes: Buffer): Map<string, () => Buffer> }>('zip.mjs');

const COPYRIGHT = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2006-2022 The Team
License: GPL-3+

Files: data/textures/*.jpg
       data/wood?.png
Copyright:
 2011, 2014 Jane Doe <jane@example.org>
 Public Domain ???? by ????
License: CC-BY-3.0
Comment: found on the net

Files: data/textures/secret.jpg
Copyright: 2012 Wolfs
License: CC-BY-SA-4.0

License: CC-BY-3.0
 Some text.
`;

test('only CC0 and CC BY are allowed, and of alternatives one that is', () => {
  assert.equal(allowedLicence('CC0'), 'CC0-1.0');
  assert.equal(allowedLicence('CC-BY-4.0'), 'CC-BY-4.0');
  assert.equal(allowedLicence('zlib or GPL-2 or CC-BY-3.0'), 'CC-BY-3.0');
  assert.equal(allowedLicence('CC-BY-4.0 and CC-BY-3.0'), 'CC-BY-4.0 and CC-BY-3.0');
  for (const refused of [
    'CC-BY-SA-4.0',
    'CC-BY-NC-4.0',
    'CC-BY-SA',
    'GPL and CC-BY-3.0',
    'public-domain',
    'GPL-3+',
    '',
  ]) {
    assert.equal(allowedLicence(refused), null, refused);
  }
});

test('the last stanza that matches a file decides about it', () => {
  const stanzas = parseCopyright(COPYRIGHT);
  assert.equal(stanzas.length, 3, 'the licence texts are no stanzas of files');
  assert.equal(stanzaOf(stanzas, 'data/music.ogg')?.licence, 'GPL-3+');
  assert.equal(stanzaOf(stanzas, 'data/textures/deep/oak.jpg')?.licence, 'CC-BY-3.0', '* matches / too');
  assert.equal(stanzaOf(stanzas, 'data/wood1.png')?.authors, 'Jane Doe');
  assert.equal(stanzaOf(stanzas, 'data/wood10.png')?.licence, 'GPL-3+', '? is one character');
  assert.equal(stanzaOf(stanzas, 'data/textures/secret.jpg')?.licence, 'CC-BY-SA-4.0');
  assert.equal(stanzaOf(stanzas.slice(1), 'readme'), null);
});

test('files come out of a zip archive, stored or deflated', () => {
  const files = readZip(zipOf({ 'a.txt': 'stored', 'folder/b.txt': 'deflated '.repeat(50) }));
  assert.deepEqual([...files.keys()], ['a.txt', 'folder/b.txt']);
  assert.equal(files.get('a.txt')?.().toString(), 'stored');
  assert.equal(files.get('folder/b.txt')?.().toString(), 'deflated '.repeat(50));
  assert.throws(() => readZip(Buffer.from('no archive')), /not a zip/);
});

/** Local headers, central directory, end record (APPNOTE 4.3); the first file is stored, the others deflated. */
function zipOf(contents: Record<string, string>): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [index, [name, text]] of Object.entries(contents).entries()) {
    const data = index === 0 ? Buffer.from(text) : deflateRawSync(text);
    const header = Buffer.alloc(30);
    header.write('PK\x03\x04', 'latin1');
    header.writeUInt16LE(index === 0 ? 0 : 8, 8);
    header.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.write('PK\x01\x02', 'latin1');
    entry.writeUInt16LE(index === 0 ? 0 : 8, 10);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    local.push(header, Buffer.from(name), data);
    central.push(entry, Buffer.from(name));
    offset += header.length + name.length + data.length;
  }
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(Object.keys(contents).length, 10);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, ...central, end]);
}
