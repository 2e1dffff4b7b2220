import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeContactSheet } from '../../src/encode/contact-sheet.js';
import { decodeImage } from '../../src/image/decode.js';
import { writePng } from '../../src/image/save.js';

test('a contact sheet shows every image in its place, with a caption', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-sheet-'));
  try {
    const files: string[] = [];
    for (const [index, grey] of [40, 90, 140, 190, 240].entries()) {
      const file = join(folder, `part <${index}>.png`);
      const data = new Uint8Array(60 * 60 * 3).fill(grey);
      await writePng(file, { width: 60, height: 60, stride: 180, format: 'RGB', data });
      files.push(file);
    }
    const sheet = join(folder, 'sheets', 'sheet.png');
    await writeContactSheet(sheet, files);
    const { width, height, stride, data } = await decodeImage(sheet);
    assert.deepEqual([width, height], [4 * 248 + 8, 2 * 270 + 8]);
    const at = (x: number, y: number) => data[y * stride + 3 * x] as number;
    assert.deepEqual([at(128, 128), at(128 + 3 * 248, 128), at(128, 128 + 270)], [40, 190, 240]);
    const caption = Array.from({ length: 100 }, (_, x) => at(8 + x, 8 + 240 + 11));
    assert.ok(Math.max(...caption) > 150, 'the caption is missing');
  } finally {
    await rm(folder, { recursive: true });
  }
});
