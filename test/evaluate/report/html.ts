import assert from 'node:assert/strict';

const VOID = new Set(['meta', 'img', 'br', 'hr', 'input', 'link']);

/**
 * Checks that elements nest, attributes are quoted and unique, and ids occur once; `<!doctype html>` comes first.
 * Gives the names of all elements in their order.
 */
export function elementsOf(page: string): string[] {
  assert.ok(page.startsWith('<!doctype html>\n'));
  const names: string[] = [];
  const open: string[] = [];
  const ids = new Set<string>();
  let rest = page.slice('<!doctype html>'.length);
  while (rest !== '') {
    const raw = open.at(-1) === 'script' || open.at(-1) === 'style' ? `</${open.at(-1)}>` : '<';
    const next = rest.indexOf(raw);
    const text = next < 0 ? rest : rest.slice(0, next);
    if (raw === '<') assert.ok(!/&(?!(amp|lt|gt|quot|#39);)/.test(text) && !text.includes('>'), text.slice(0, 200));
    if (next < 0) break;
    rest = rest.slice(next);
    const tag = /^<(\/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z][\w:-]*="[^"<>]*")*)\s*(\/?)>/.exec(rest);
    assert.ok(tag, rest.slice(0, 200));
    const [whole, end, name, attributes, closed] = tag as unknown as [string, string, string, string, string];
    rest = rest.slice(whole.length);
    if (end !== '') {
      assert.equal(open.pop(), name);
      continue;
    }
    const keys = [...attributes.matchAll(/\s([\w:-]+)="([^"]*)"/g)];
    assert.equal(new Set(keys.map(([, key]) => key)).size, keys.length, whole);
    for (const [, key, value] of keys) {
      if (key !== 'id') continue;
      assert.ok(!ids.has(value!), `the id ${value} occurs twice`);
      ids.add(value!);
    }
    names.push(name);
    if (closed === '' && !VOID.has(name)) open.push(name);
  }
  assert.deepEqual(open, []);
  for (const [, id] of page.matchAll(/aria-labelledby="([^"]*)"/g)) assert.ok(ids.has(id!), `${id} is not there`);
  return names;
}
