import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PACKAGE_ROOT } from '../../src/paths.js';

const inDocs = readdirSync(join(PACKAGE_ROOT, 'docs')).filter((name) => name.endsWith('.md'));
for (const doc of ['README.md', ...inDocs.map((name) => `docs/${name}`)]) {
  test(`every file that ${doc} links to is there`, () => {
    const text = readFileSync(join(PACKAGE_ROOT, doc), 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      assert.ok(existsSync(join(PACKAGE_ROOT, doc, '..', target)), target);
    }
  });
}
