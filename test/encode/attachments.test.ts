import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeFrame, encodeOverlay } from '../../src/encode/attachments.js';
import { decodeImage } from '../../src/image/decode.js';
import { sharp } from '../../src/image/sharp.js';
import type { Picture, RegionResult } from '../../src/types.js';

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

test('an overlay is a JPEG of the part no larger than asked for, and small parts are enlarged', async () => {
  for (const [side, maxSide, drawn] of [
    [64, 500, 256],
    [251, 500, 251],
    [600, 500, 500],
  ] as const) {
    const data = new Uint8Array(side * side).fill(120);
    const picture: Picture = { width: side, height: side, stride: side, format: 'GRAY8', data };
    const regions: RegionResult[] = [];
    const attachment = await encodeOverlay(picture, { verdict: { result: 'pass' }, regions }, maxSide);
    const { kind, form, region, mediaType, scale, grid, width, height } = attachment;
    assert.deepEqual(
      { kind, form, region, mediaType, scale, grid },
      { kind: 'map', form: 'overlay', region: null, mediaType: 'image/jpeg', scale: null, grid: null },
    );
    const metadata = await sharp(attachment.bytes).metadata();
    assert.deepEqual([metadata.format, metadata.width, metadata.height], ['jpeg', width, height]);
    const decoded = await decodeImage(attachment.bytes);
    const middle = Array.from({ length: height }, (_, y) => decoded.data[(y * width + Math.floor(width / 2)) * 3]!);
    const inside = middle.filter((grey) => Math.abs(grey - 120) <= 4).length;
    assert.ok(Math.abs(inside - drawn) <= 4, `${side} in ${maxSide}: ${inside} of ${drawn} rows`);
  }
});
