import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import test, { after, before } from 'node:test';
import { decodeImage, listImages } from '../../src/image/decode.js';
import { pngOf, writePng } from '../../src/image/save.js';
import { sharp } from '../../src/image/sharp.js';

const PIXELS = Uint8Array.from({ length: 16 * 12 * 3 }, (_, i) => (i * 37) & 255);
const picture = { width: 16, height: 12, stride: 48, format: 'RGB', data: PIXELS } as const;

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sideglance-decode-'));
});
after(() => rm(folder, { recursive: true }));

test('a PNG comes back pixel by pixel, from a file and from bytes', async () => {
  const path = join(folder, 'deep', 'part.png');
  await writePng(path, picture);
  for (const source of [path, await readFile(path)]) {
    const decoded = await decodeImage(source);
    assert.deepEqual({ ...decoded, data: undefined }, { ...picture, data: undefined });
    assert.deepEqual(new Uint8Array(decoded.data), PIXELS);
  }
});

test('padded BGRx and grey pictures are saved with their own pixels', async () => {
  const bgrx = { width: 2, height: 2, stride: 10, format: 'BGRx', data: new Uint8Array(20) } as const;
  bgrx.data.set([3, 2, 1, 0, 6, 5, 4, 0], 0);
  bgrx.data.set([9, 8, 7, 0, 12, 11, 10, 0], 10);
  assert.deepEqual([...(await decodeImage(await pngOf(bgrx))).data], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  const grey = { width: 2, height: 1, stride: 2, format: 'GRAY8', data: new Uint8Array([40, 50]) } as const;
  const png = await pngOf(grey);
  assert.equal((await sharp(png).metadata()).channels, 1);
  assert.deepEqual([...(await decodeImage(png)).data], [40, 40, 40, 50, 50, 50]);
});

test('16 bits become the upper 8, in grey and in colour', async () => {
  const deep = new Uint16Array([0x0000, 0x12ff, 0x8000, 0xffff, 0x7fff, 0x00ff]);
  const grey = await sharp(deep, { raw: { width: 6, height: 1, channels: 1 } })
    .toColourspace('grey16')
    .png()
    .toBuffer();
  assert.equal((await sharp(grey).metadata()).depth, 'ushort');
  const expected = [0x00, 0x12, 0x80, 0xff, 0x7f, 0x00];
  assert.deepEqual(
    [...(await decodeImage(grey)).data],
    expected.flatMap((v) => [v, v, v]),
  );
  const colour = await sharp(deep, { raw: { width: 2, height: 1, channels: 3 } })
    .toColourspace('rgb16')
    .png()
    .toBuffer();
  assert.equal((await sharp(colour).metadata()).depth, 'ushort');
  assert.deepEqual([...(await decodeImage(colour)).data], expected);
});

test('alpha is dropped, not blended', async () => {
  const rgba = new Uint8Array([100, 50, 20, 0, 3, 4, 5, 128]);
  const png = await sharp(rgba, { raw: { width: 2, height: 1, channels: 4 } })
    .png()
    .toBuffer();
  assert.deepEqual([...(await decodeImage(png)).data], [100, 50, 20, 3, 4, 5]);
  const la = new Uint8Array([100, 0, 3, 255]);
  const greyAlpha = await sharp(la, { raw: { width: 2, height: 1, channels: 2 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
  assert.deepEqual([...(await decodeImage(greyAlpha)).data], [100, 100, 100, 3, 3, 3]);
});

test('neither an EXIF rotation nor a colour profile changes the pixels', async () => {
  const turned = await sharp(PIXELS, { raw: { width: 16, height: 12, channels: 3 } })
    .withMetadata({ orientation: 6 })
    .png()
    .toBuffer();
  const decoded = await decodeImage(turned);
  assert.deepEqual([decoded.width, decoded.height], [16, 12]);
  assert.deepEqual(new Uint8Array(decoded.data), PIXELS);

  const plain = sharp(PIXELS, { raw: { width: 16, height: 12, channels: 3 } });
  const stored = await plain.clone().withIccProfile('p3').png().toBuffer();
  assert.equal((await sharp(stored).metadata()).hasProfile, true);
  const withoutProfile = await sharp(stored, { ignoreIcc: true }).raw().toBuffer();
  const managed = await sharp(stored).raw().toBuffer();
  assert.notDeepEqual(new Uint8Array(managed), new Uint8Array(withoutProfile), 'the profile means something');
  assert.deepEqual(new Uint8Array((await decodeImage(stored)).data), new Uint8Array(withoutProfile));
});

test('BMP files of 8, 24 and 32 bits are read', async () => {
  const rows = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
  for (const [bits, topDown] of [
    [24, false],
    [24, true],
    [32, false],
    [8, false],
  ] as const) {
    assert.deepEqual([...(await decodeImage(bmp(bits, topDown))).data], rows, `${bits} bits, top down ${topDown}`);
  }
});

/** A 2×2 BMP whose RGB values are 1…12, rows top to bottom. */
function bmp(bits: 8 | 24 | 32, topDown: boolean): Uint8Array {
  const palette = bits === 8 ? 4 * 4 : 0;
  const stride = { 8: 4, 24: 8, 32: 8 }[bits];
  const bytes = new Uint8Array(54 + palette + 2 * stride);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(10, 54 + palette, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, 2, true);
  view.setInt32(22, topDown ? -2 : 2, true);
  view.setUint16(28, bits, true);
  if (bits === 8) view.setUint32(46, 4, true);
  for (let i = 0; i < 4; i++) {
    const bgr = [i * 3 + 3, i * 3 + 2, i * 3 + 1];
    const row = topDown ? i >> 1 : 1 - (i >> 1);
    const at = 54 + palette + row * stride + (i & 1) * (bits >> 3);
    if (bits === 8) {
      bytes.set(bgr, 54 + i * 4);
      bytes[at] = i;
    } else bytes.set(bgr, at);
  }
  return bytes;
}

test('damaged and foreign files are refused by name', async () => {
  const jpeg = await sharp(PIXELS, { raw: { width: 16, height: 12, channels: 3 } })
    .jpeg()
    .toBuffer();
  const large = await sharp({
    create: {
      width: 400,
      height: 400,
      channels: 3,
      background: '#456',
      noise: { type: 'gaussian', mean: 90, sigma: 40 },
    },
  })
    .jpeg()
    .toBuffer();
  const damaged = Buffer.concat([large.subarray(0, large.length >> 1), large.subarray(-2)]);
  const files: Record<string, Uint8Array> = {
    'truncated.jpg': large.subarray(0, large.length >> 1),
    'damaged.jpg': damaged,
    'header-only.jpg': jpeg.subarray(0, 20),
    'truncated.png': (await pngOf(picture)).subarray(0, 200),
    'truncated.bmp': bmp(24, false).subarray(0, 60),
    'empty.png': new Uint8Array(),
    'text.png': Buffer.from('not an image'),
  };
  for (const [name, bytes] of Object.entries(files)) {
    const path = join(folder, name);
    await writeFile(path, bytes);
    await assert.rejects(decodeImage(path), { code: 'SG_IMAGE_UNREADABLE', message: new RegExp(name) }, name);
  }
  await assert.rejects(decodeImage(join(folder, 'missing.png')), {
    code: 'SG_IMAGE_UNREADABLE',
    message: /missing\.png/,
  });
});

test('images are listed in natural order, without folders, hidden and other files', async () => {
  const images = join(folder, 'list');
  await mkdir(join(images, 'folder.png'), { recursive: true });
  for (const name of ['part10.png', 'part2.PNG', 'part1.jpeg', '.hidden.png', 'notes.txt', 'part2.bmp']) {
    await writeFile(join(images, name), '');
  }
  const names = (await listImages(images)).map((path) => basename(path));
  assert.deepEqual(names, ['part1.jpeg', 'part2.bmp', 'part2.PNG', 'part10.png']);
  await assert.rejects(listImages(join(images, 'nowhere')), { code: 'SG_DATASET_INVALID', message: /nowhere/ });
});
