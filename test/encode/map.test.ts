import assert from 'node:assert/strict';
import test from 'node:test';
import { getFloat16, setFloat16 } from '@petamoriken/float16';
import { encodeMap, MAP_HEADER, type MappedRegion } from '../../src/encode/map.js';
import { sharp } from '../../src/image/sharp.js';
import type { Attachment } from '../../src/types.js';

function mapped(rows: number, columns: number, values: Iterable<number>, more: Partial<MappedRegion> = {}) {
  const grid = { rows, columns, cell: 8, inputWidth: columns * 8, inputHeight: rows * 8 };
  return {
    region: { name: 'lid', x: 20, y: 10, width: 400, height: 300 },
    mapThreshold: 1,
    map: { ...grid, values: Float32Array.from(values) },
    ...more,
  };
}

/** What stands in the PNG, by sharp; 16 bits stay 16 bits. */
async function greyOf(png: Uint8Array): Promise<Uint8Array | Uint16Array> {
  const is16 = (await sharp(png).metadata()).depth === 'ushort';
  const raw = await sharp(png)
    .toColourspace(is16 ? 'grey16' : 'b-w')
    .raw({ depth: is16 ? 'ushort' : 'uchar' })
    .toBuffer();
  return is16 ? new Uint16Array(raw.buffer, raw.byteOffset, raw.length / 2) : raw;
}

/** Keywords and texts of the iTXt chunks. */
function textsOf(png: Uint8Array): Record<string, string> {
  const texts: Record<string, string> = {};
  const bytes = Buffer.from(png);
  for (let at = 8; at < bytes.length; at += bytes.readUInt32BE(at) + 12) {
    if (bytes.toString('latin1', at + 4, at + 8) !== 'iTXt') continue;
    const chunk = bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at));
    const end = chunk.indexOf(0);
    texts[chunk.toString('latin1', 0, end)] = chunk.toString('utf8', end + 5);
  }
  return texts;
}

const WAVES = Array.from({ length: 30 * 47 }, (_, i) => Math.sin(i) * 3 - 1);

for (const [form, steps, depth] of [
  ['png8', 255, 'uchar'],
  ['png16', 65535, 'ushort'],
] as const) {
  test(`${form}: a map comes back to half a step, by the scale of the attachment and of the file itself`, async () => {
    const attachment = await encodeMap(mapped(30, 47, WAVES), form);
    const { kind, region, mediaType, width, height, grid } = attachment;
    assert.deepEqual([kind, attachment.form, region, mediaType], ['map', form, 'lid', 'image/png']);
    assert.deepEqual([width, height], [47, 30]);
    assert.deepEqual(grid, { rows: 30, columns: 47, cell: 8, inputWidth: 376, inputHeight: 240 });
    const metadata = await sharp(attachment.bytes).metadata();
    assert.deepEqual([metadata.channels, metadata.depth], [1, depth]);
    const { offset, scale } = attachment.scale as NonNullable<Attachment['scale']>;
    assert.ok(Math.abs(scale - 6 / steps) < 0.02 / steps, `${scale}`);
    const grey = await greyOf(attachment.bytes);
    WAVES.forEach((value, i) => {
      assert.ok(Math.abs(offset + grey[i]! * scale - value) <= scale / 2 + 1e-6, `${i}`);
    });
    assert.deepEqual(textsOf(attachment.bytes), {
      'sideglance.region': 'lid',
      'sideglance.box': '20,10,400,300',
      'sideglance.offset': String(offset),
      'sideglance.scale': String(scale),
      'sideglance.mapThreshold': '1',
      'sideglance.cell': '8',
      'sideglance.inputWidth': '376',
      'sideglance.inputHeight': '240',
    });
  });
}

test('a map that is compressed in another thread comes back as well', async () => {
  const values = Array.from({ length: 200 * 90 }, (_, i) => (i % 977) / 100);
  const { bytes, scale } = await encodeMap(mapped(200, 90, values), 'png16');
  const grey = await greyOf(bytes);
  assert.equal(grey.length, values.length);
  assert.ok(values.every((value, i) => Math.abs(grey[i]! * (scale?.scale ?? 0) - value) < 1e-4));
});

test('mid-grey is the threshold of the map, unless its values go further', async () => {
  const scaleOf = async (values: number[], mapThreshold: number) =>
    (await encodeMap(mapped(1, values.length, values, { mapThreshold }), 'png8')).scale;
  assert.deepEqual(await scaleOf([0, 1], 4), { offset: 0, scale: 8 / 255 });
  assert.deepEqual(await scaleOf([-2, 1], 4), { offset: -2, scale: 10 / 255 });
  assert.deepEqual(await scaleOf([0, 30], 4), { offset: 0, scale: 30 / 255 });
  assert.deepEqual(await scaleOf([0, Number.POSITIVE_INFINITY], 4), { offset: 0, scale: 8 / 255 });
});

test('what is not a number is white, and a flat map at 0 divides nothing by zero', async () => {
  const grey = await greyOf((await encodeMap(mapped(1, 4, [0, 2, Number.NaN, Infinity]), 'png8')).bytes);
  assert.deepEqual([...grey], [0, 255, 255, 255]);
  const flat = await encodeMap(mapped(1, 2, [0, 0], { mapThreshold: Number.NaN }), 'png8');
  assert.ok((flat.scale?.scale ?? 0) > 0);
  assert.deepEqual([...(await greyOf(flat.bytes))], [0, 0]);
  assert.equal(textsOf(flat.bytes)['sideglance.mapThreshold'], undefined);
});

test('the name of a region may be of any script', async () => {
  const region = { name: 'Gewinde_außen', x: 0, y: 0, width: 8, height: 8 };
  const { bytes } = await encodeMap(mapped(1, 1, [0], { region }), 'png8');
  assert.equal(textsOf(bytes)['sideglance.region'], 'Gewinde_außen');
});

test('float16: the values come back to half precision, and too large ones by the scale', async () => {
  const valuesOf = ({ bytes }: Attachment): number[] => {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const scale = view.getFloat32(28, true);
    return Array.from({ length: view.getUint16(6, true) * view.getUint16(8, true) }, (_, i) => {
      return view.getFloat32(24, true) + scale * getFloat16(view, view.getUint16(4, true) + 2 * i, true);
    });
  };
  const attachment = await encodeMap(mapped(30, 47, WAVES), 'float16');
  assert.equal(attachment.mediaType, 'application/vnd.sideglance.map');
  assert.equal(attachment.bytes.length, MAP_HEADER.bytes + 2 * 30 * 47);
  assert.deepEqual(attachment.scale, { offset: 0, scale: 1 });
  valuesOf(attachment).forEach((value, i) => {
    assert.ok(Math.abs(value - WAVES[i]!) <= Math.abs(WAVES[i]!) / 2048 + 1e-7, `${i}`);
  });
  const wild = await encodeMap(mapped(1, 4, [1e6, -10, Number.NaN, Number.POSITIVE_INFINITY]), 'float16');
  const [high, low, none, endless] = valuesOf(wild);
  assert.ok(Math.abs(high! - 1e6) <= 1e6 / 2048 && Math.abs(low! + 10) <= 0.01, `${high} ${low}`);
  assert.deepEqual([none, endless], [Number.NaN, Number.POSITIVE_INFINITY]);
});

test('a map of fewer cells says how large they are, in every form', async () => {
  for (const form of ['png8', 'png16', 'float16'] as const) {
    const { grid, width, height } = await encodeMap(mapped(30, 47, WAVES), form, 16);
    assert.deepEqual(grid, { rows: 10, columns: 16, cell: 24, inputWidth: 376, inputHeight: 240 });
    assert.deepEqual([width, height], [16, 10]);
  }
});

test('float16: every value is rounded as IEEE 754 has it, by a library that does so, too', async () => {
  const bits = new Uint32Array(1);
  const value = new Float32Array(bits.buffer);
  const values: number[] = [
    65_504,
    -65_504,
    2 ** -24,
    2 ** -25,
    2 ** -25 * 1.0001,
    2 ** -14,
    -0,
    0,
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
  ];
  for (let seed = 1; values.length < 20_000; ) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    bits[0] = seed;
    // What is larger is scaled.
    if (Math.abs(value[0]!) <= 65_504) values.push(value[0]!);
  }
  const { bytes, scale } = await encodeMap(mapped(100, 200, values), 'float16');
  assert.equal(scale?.scale, 1);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const expected = new DataView(new ArrayBuffer(2));
  values.forEach((one, i) => {
    setFloat16(expected, 0, Math.fround(one), true);
    assert.equal(view.getUint16(32 + 2 * i, true), expected.getUint16(0, true), `${one}`);
  });
});
