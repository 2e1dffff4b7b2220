import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeFrame, encodeMap } from '../../src/encode/attachments.js';
import { decodeImage } from '../../src/image/decode.js';
import { sharp } from '../../src/image/sharp.js';
import type { AnomalyMap, Picture } from '../../src/types.js';

function mapOf(rows: number, columns: number, values: Iterable<number>): AnomalyMap {
  return {
    rows,
    columns,
    cell: 8,
    inputWidth: columns * 8,
    inputHeight: rows * 8,
    values: Float32Array.from(values),
  };
}

function greyOf(png: Uint8Array): Promise<Uint8Array> {
  return sharp(png).toColourspace('b-w').raw().toBuffer();
}

test('a map comes back from its PNG to half a grey step, by the scale of the attachment', async () => {
  const values = Array.from({ length: 30 * 47 }, (_, i) => Math.sin(i) * 3 - 1);
  const map = mapOf(30, 47, values);
  const attachment = await encodeMap(map, 'lid', { min: -4, max: 2 });
  assert.deepEqual([attachment.kind, attachment.region, attachment.mediaType], ['map', 'lid', 'image/png']);
  assert.deepEqual([attachment.width, attachment.height], [47, 30]);
  const { channels, depth } = await sharp(attachment.bytes).metadata();
  assert.deepEqual([channels, depth], [1, 'uchar']);
  const grey = await greyOf(attachment.bytes);
  const { offset, scale } = attachment.scale!;
  values.forEach((value, i) => {
    assert.ok(Math.abs(offset + grey[i]! * scale - value) <= scale / 2 + 1e-6);
  });
});

test('scores outside the range are clamped, a score that is not a number is white, a flat range divides nothing by zero', async () => {
  const map = mapOf(1, 4, [-9, 9, Number.NaN, 1]);
  const grey = await greyOf((await encodeMap(map, 'a', { min: 0, max: 2 })).bytes);
  assert.deepEqual([...grey], [0, 255, 255, 128]);
  const flat = await encodeMap(mapOf(1, 2, [3, 3]), 'a', { min: 3, max: 3 });
  assert.ok(flat.scale!.scale > 0);
  assert.deepEqual([...(await greyOf(flat.bytes))], [0, 0]);
});

test('a map that was saved on its own says what its grey values mean, in any script', async () => {
  const { bytes, scale } = await encodeMap(mapOf(2, 2, [0, 1, 2, 3]), 'Gewinde außen', { min: 0, max: 3 });
  const text = Buffer.from(bytes).toString('utf8');
  assert.ok(text.includes('iTXtsideglance.region\0\0\0\0\0Gewinde außen'));
  assert.ok(text.includes(`sideglance.score\0\0\0\0\0${scale!.offset} + grey * ${scale!.scale}`));
  assert.ok(text.includes('8 pixels a cell, model input 16x16'));
});

function gradient(format: Picture['format'], bytes: number, padding: number): Picture {
  const [width, height] = [64, 48];
  const stride = width * bytes + padding;
  const data = new Uint8Array(stride * height).fill(255);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [r, g, b] = bytes === 1 ? [x * 2, x * 2, x * 2] : [x * 2, 60 + y, 200 - x];
      data.set(bytes === 4 ? [b!, g!, r!, 0] : bytes === 3 ? [r!, g!, b!] : [r!], y * stride + x * bytes);
    }
  }
  return { width, height, stride, format, data };
}

for (const [format, bytes] of [
  ['GRAY8', 1],
  ['RGB', 3],
  ['BGRx', 4],
] as const) {
  test(`a ${format} frame with padded rows becomes a JPEG of the same colours`, async () => {
    const attachment = await encodeFrame(gradient(format, bytes, 16));
    assert.deepEqual([attachment.mediaType, attachment.width, attachment.height], ['image/jpeg', 64, 48]);
    assert.equal((await sharp(attachment.bytes).metadata()).channels, bytes === 1 ? 1 : 3);
    const decoded = await decodeImage(attachment.bytes);
    const at = (20 * 64 + 30) * 3;
    const expected = bytes === 1 ? [60, 60, 60] : [60, 80, 170];
    expected.forEach((value, c) => {
      assert.ok(Math.abs(decoded.data[at + c]! - value) <= 6, `channel ${c}: ${decoded.data[at + c]} for ${value}`);
    });
  });
}

test('the frame may be overwritten as soon as encodeFrame has been called', async () => {
  for (const padding of [0, 16]) {
    const frame = gradient('RGB', 3, padding);
    const expected = await encodeFrame(gradient('RGB', 3, padding));
    const promise = encodeFrame(frame);
    frame.data.fill(0);
    assert.deepEqual(Buffer.from((await promise).bytes), Buffer.from(expected.bytes));
  }
});

test('a frame that holds less than it says is refused', async () => {
  const frame = gradient('RGB', 3, 0);
  await assert.rejects(encodeFrame({ ...frame, height: 49 }), { code: 'SG_FRAME_FORMAT' });
});
