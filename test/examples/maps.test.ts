import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeMap } from '../../examples/typescript/decode-map.js';
import { encodeMap } from '../../src/encode/map.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { EXAMPLES, PYTHON, withoutPython } from './support.js';

const DECODERS = { typescript: 'typescript/decode-map.ts', python: 'python/decode_map.py' } as const;
const docs = readFileSync(join(PACKAGE_ROOT, 'docs/consumers.md'), 'utf8');

for (const [language, file] of Object.entries(DECODERS)) {
  test(`docs/consumers.md shows examples/${file} as it is, in 20 lines at most`, () => {
    const text = readFileSync(join(EXAMPLES, file), 'utf8');
    assert.ok(docs.includes(`\`\`\`${language}\n${text}\`\`\`\n`));
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    assert.ok(lines.length <= 20, `${lines.length} lines`);
  });
}

const VALUES = [0, 1, -2.5, 6.104e-5, 3e-8, 1.5, 2047, -0.1, 65504, Number.POSITIVE_INFINITY, Number.NaN, 0.333];
const GRID = { rows: 3, columns: 4, cell: 8, inputWidth: 30, inputHeight: 24 };
const region = { name: 'lid', x: 0, y: 0, width: 60, height: 48 };

function assertDecoded(decoded: { readonly values: Iterable<number | null>; readonly [key: string]: unknown }) {
  const { values, ...rest } = decoded;
  assert.deepEqual(rest, { ...GRID, mapThreshold: 1.25 });
  [...values].forEach((value, i) => {
    const expected = VALUES[i]!;
    if (!Number.isFinite(expected)) assert.equal(value, expected);
    else
      assert.ok(Math.abs(value! - expected) <= Math.max(Math.abs(expected) / 2048, 2 ** -25), `${value} ${expected}`);
  });
}

const map = { ...GRID, values: Float32Array.from(VALUES) };
const { bytes } = await encodeMap({ region, mapThreshold: 1.25, map }, 'float16');

test('the decoder in TypeScript reads what a station writes, wherever it lies in memory', () => {
  assertDecoded(decodeMap(bytes));
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  assertDecoded(decodeMap(shifted.subarray(3)));
  assert.throws(() => decodeMap(Buffer.from('a PNG or whatever it may be .......')), /not an anomaly map/);
});

test('the decoder in TypeScript reads every half there is', () => {
  const all = { ...GRID, rows: 256, columns: 256, values: new Float32Array(65_536) };
  return encodeMap({ region, mapThreshold: 1, map: all }, 'float16').then((encoded) => {
    const view = new DataView(encoded.bytes.buffer);
    for (let half = 0; half < 65_536; half++) view.setUint16(32 + 2 * half, half, true);
    const { values } = decodeMap(encoded.bytes);
    // Positive halves grow with their bits; the negative ones mirror them.
    for (let half = 1; half <= 0x7c00; half++) assert.ok(values[half]! > values[half - 1]!, half.toString(16));
    for (let half = 0; half <= 0x7c00; half++) assert.ok(values[half + 0x8000] === -values[half]!, half.toString(16));
    assert.deepEqual([values[1], values[0x3c00], values[0x7bff]], [2 ** -24, 1, 65_504]);
    assert.ok(Number.isNaN(values[0x7e00]));
  });
});

test('the lines for Pillow read both kinds of PNG', { skip: withoutPython('PIL') }, async () => {
  const [, lines = ''] = /```python\n(from PIL.*?)```/s.exec(docs) ?? [];
  const finite = { ...map, values: map.values.map((value) => (Math.abs(value) < 1000 ? value : 0)) };
  for (const form of ['png8', 'png16'] as const) {
    const png = await encodeMap({ region, mapThreshold: 1.25, map: finite }, form);
    const program = lines.replace('"map.png"', 'sys.stdin.buffer');
    const run = spawnSync(PYTHON, ['-c', `import sys\n${program}\nprint(values)`], {
      input: png.bytes,
      encoding: 'utf8',
    });
    const values = JSON.parse(run.stdout || 'null') as number[] | null;
    assert.ok(values, run.stderr);
    const step = png.scale?.scale as number;
    finite.values.forEach((value, i) => {
      assert.ok(Math.abs(values[i]! - value) <= step / 2 + 1e-6, `${form}: ${values[i]} for ${value}`);
    });
  }
});

test('the decoder in Python reads the same', () => {
  const program = `
import json, sys
from decode_map import decode_map
read = decode_map(sys.stdin.buffer.read())
names = {"input_width": "inputWidth", "input_height": "inputHeight", "map_threshold": "mapThreshold"}
print(json.dumps({names.get(key, key): value for key, value in read.items()}).replace("NaN", '"NaN"').replace("Infinity", '"Infinity"'))
try:
    decode_map(b"a PNG or whatever it may be .......")
except ValueError as error:
    print(error)
`;
  const { stdout, stderr } = spawnSync(PYTHON, ['-B', '-c', program], {
    input: bytes,
    encoding: 'utf8',
    env: { ...process.env, PYTHONPATH: join(EXAMPLES, 'python') },
  });
  const [json = '', refusal] = stdout.split('\n');
  assert.equal(refusal, 'not an anomaly map: it does not begin with SGM1', stderr);
  const decoded = JSON.parse(json) as { values: (number | string)[] };
  assertDecoded({ ...decoded, values: decoded.values.map(Number) });
});
