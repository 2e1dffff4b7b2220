import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Judged, renderOverlay } from '../../src/encode/overlay.js';
import { decodeImage } from '../../src/image/decode.js';
import { byKind } from '../../src/kinds.js';
import type { AnomalyMap, Picture, RegionResult } from '../../src/types.js';

const SIZE = 800;
const GREY = 120;
const part: Picture = {
  width: SIZE,
  height: SIZE,
  stride: SIZE,
  format: 'GRAY8',
  data: new Uint8Array(SIZE * SIZE).fill(GREY),
};

/** Flat background and one hot blob in the middle of the upper left quarter. */
function spot(height: number): AnomalyMap {
  const values = new Float32Array(40 * 40);
  for (let i = 0; i < values.length; i++) {
    const [r, c] = [Math.floor(i / 40), i % 40];
    values[i] = 0.5 + height * Math.exp(-((r - 9.5) ** 2 + (c - 9.5) ** 2) / 8);
  }
  return { rows: 40, columns: 40, cell: 8, inputWidth: 320, inputHeight: 320, values };
}

function resultOf(height: number, change: Partial<RegionResult> = {}): RegionResult {
  return {
    region: { name: 'part', x: 0, y: 0, width: SIZE, height: SIZE },
    verdict: { result: height > 1 ? 'fail' : 'pass' },
    score: 0.5 + height,
    threshold: 1.5,
    mapThreshold: 1.5,
    pValue: 0.01,
    parts: { position: 1, context: 1, distortion: 1 },
    defects: [],
    map: spot(height),
    ...change,
  };
}

function judged(...regions: RegionResult[]): Judged {
  const failed = regions.some((region) => region.verdict.result === 'fail');
  return { verdict: { result: failed ? 'fail' : 'pass' }, regions };
}

/** Where the part begins on the overlay: the first pixel of its grey. */
function cornerOf(overlay: Picture): { x: number; y: number } {
  for (let i = 0; i < overlay.width * overlay.height; i++) {
    if (isPart(overlay, i % overlay.width, Math.floor(i / overlay.width))) {
      const [x, y] = [i % overlay.width, Math.floor(i / overlay.width)];
      if (isPart(overlay, x + 30, y) && isPart(overlay, x, y + 30)) return { x, y };
    }
  }
  throw new Error('the part is not on the overlay');
}

function pixel(overlay: Picture, x: number, y: number): number[] {
  const at = y * overlay.stride + x * 3;
  return [...overlay.data.subarray(at, at + 3)];
}

function isPart(overlay: Picture, x: number, y: number): boolean {
  return pixel(overlay, x, y).every((value) => value === GREY);
}

async function overlayOf(inspection: Judged, picture = part): Promise<Picture> {
  return decodeImage(await renderOverlay(picture, inspection, { title: 'part.png' }));
}

test('the part shows unchanged where the score is far below the threshold, and hot where it is above', async () => {
  const overlay = await overlayOf(judged(resultOf(3)));
  const corner = cornerOf(overlay);
  assert.ok(isPart(overlay, corner.x + 600, corner.y + 600));
  assert.ok(isPart(overlay, corner.x + SIZE - 1, corner.y + SIZE - 1));
  const [r, g, b] = pixel(overlay, corner.x + 200, corner.y + 200) as [number, number, number];
  assert.ok(r > GREY + 30 && r > b + 30, `the peak is warm: ${r}, ${g}, ${b}`);
});

test('a part without anything unusual shows unchanged all over', async () => {
  const overlay = await overlayOf(judged(resultOf(0)));
  const corner = cornerOf(overlay);
  for (let y = 0; y < SIZE; y += 7)
    for (let x = 0; x < SIZE; x += 7) assert.ok(isPart(overlay, corner.x + x, corner.y + y));
});

test('the boxes of the kinds of defect differ and lie around the defect, dashed where the region passes', async () => {
  const box = { x: 500, y: 500, width: 80, height: 60 };
  const cases = [
    { kind: 'position', dominant: 1, result: 'fail' },
    { kind: 'context', dominant: 2, result: 'fail' },
    { kind: 'distortion', dominant: 0, result: 'fail' },
    { kind: 'context', dominant: 2, result: 'pass' },
  ] as const;
  for (const { kind, dominant, result } of cases) {
    const defects = [{ box, area: 4800, peak: 3, kind, shares: byKind((each) => (each === kind ? 1 : 0)) }];
    const overlay = await overlayOf(judged(resultOf(0, { verdict: { result }, defects })));
    const corner = cornerOf(overlay);
    let drawn = 0;
    for (let x = 515; x < 565; x++) {
      const down = Array.from({ length: 16 }, (_, i) => pixel(overlay, corner.x + x, corner.y + 560 + i));
      const coloured = down.filter((p) => Math.max(...p) - Math.min(...p) > 80);
      assert.ok(
        coloured.every((p) => p[dominant] === Math.max(...p)),
        kind,
      );
      if (coloured.length > 0) drawn++;
    }
    if (result === 'fail') assert.equal(drawn, 50, kind);
    else assert.ok(drawn > 15 && drawn < 40, `dashed: ${drawn} of 50 columns`);
    assert.ok(isPart(overlay, corner.x + 540, corner.y + 530), 'the inside is clear');
  }
});

test('the contour follows the threshold of the map', async () => {
  const widthOfContour = async (mapThreshold: number): Promise<number> => {
    const png = await renderOverlay(part, judged(resultOf(3, { mapThreshold })));
    const overlay = await decodeImage(png);
    const corner = cornerOf(overlay);
    const white = Array.from({ length: 400 }, (_, x) => x).filter((x) =>
      pixel(overlay, corner.x + x, corner.y + 200).every((v) => v > 235),
    );
    return white.at(-1)! - white[0]!;
  };
  // The spot is 0.5 + 3 exp(−r²/8) with r in cells of 20 pixels.
  const radius = (level: number): number => 20 * Math.sqrt(-8 * Math.log((level - 0.5) / 3));
  for (const level of [1, 1.5, 2.5]) {
    const expected = 2 * radius(level);
    const drawn = await widthOfContour(level);
    assert.ok(Math.abs(drawn - expected) < 6, `level ${level}: ${drawn} wide for ${expected}`);
  }
});

test('small parts are enlarged, large ones shrunk', async () => {
  for (const [size, drawn] of [
    [64, 768],
    [256, 768],
    [3000, 2048],
  ] as const) {
    const picture: Picture = {
      width: size,
      height: size,
      stride: size * 3,
      format: 'RGB',
      data: new Uint8Array(size * size * 3).fill(GREY),
    };
    const region = { name: 'part', x: 0, y: 0, width: size, height: size };
    const overlay = await overlayOf(judged(resultOf(3, { region })), picture);
    assert.ok(overlay.width > drawn && overlay.width < drawn * 1.35, `${size}: ${overlay.width} wide`);
    assert.ok(overlay.height > drawn && overlay.height < drawn * 1.35, `${size}: ${overlay.height} high`);
  }
});

test('what may go wrong with an inspection can still be drawn', async () => {
  const thin: Picture = {
    width: 30,
    height: 900,
    stride: 30,
    format: 'GRAY8',
    data: new Uint8Array(27_000).fill(GREY),
  };
  const cases: [string, Judged, Picture][] = [
    [
      'invalid, no regions',
      { verdict: { result: 'invalid', reason: 'exposure', detail: 'mean grey level 3' }, regions: [] },
      part,
    ],
    [
      'scores that are not numbers',
      judged(resultOf(3, { score: Number.NaN, map: { ...spot(3), values: spot(3).values.fill(Number.NaN) } })),
      part,
    ],
    ['a defect all over', judged(resultOf(3, { map: { ...spot(3), values: spot(3).values.fill(7) } })), part],
    ['a threshold of zero', judged(resultOf(3, { mapThreshold: 0 })), part],
    [
      'regions with thresholds of their own',
      judged(
        resultOf(3),
        resultOf(0, { mapThreshold: 4, region: { name: 'b', x: 700, y: 700, width: 90, height: 90 } }),
      ),
      part,
    ],
    ['a thin part', judged(resultOf(3, { region: { name: 'part', x: 0, y: 0, width: 30, height: 900 } })), thin],
    [
      'names in other scripts',
      judged(resultOf(3, { region: { name: '検査', x: 1, y: 1, width: 90, height: 90 } })),
      part,
    ],
  ];
  for (const [name, inspection, picture] of cases) {
    const overlay = await overlayOf(inspection, picture);
    assert.ok(overlay.width >= 460, name);
  }
});

test('text is drawn without any font installed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-fonts-'));
  try {
    const module = fileURLToPath(new URL('../../src/encode/overlay.js', import.meta.url));
    const script = join(folder, 'draw.mjs');
    const out = join(folder, 'out.png');
    await writeFile(join(folder, 'fonts.conf'), '<fontconfig></fontconfig>');
    await writeFile(
      script,
      `import { writeFileSync } from 'node:fs';
       const { renderOverlay } = await import(${JSON.stringify(module)});
       const data = new Uint8Array(64 * 64).fill(90);
       const picture = { width: 64, height: 64, stride: 64, format: 'GRAY8', data };
       const verdict = { result: 'invalid', reason: 'exposure' };
       writeFileSync(${JSON.stringify(out)}, await renderOverlay(picture, { verdict, regions: [] }));`,
    );
    const bare = { PATH: process.env.PATH, FONTCONFIG_FILE: join(folder, 'fonts.conf') };
    const { stderr } = await promisify(execFile)(process.execPath, [script], { env: bare, timeout: 20_000 });
    assert.equal(stderr, '');
    const small: Picture = {
      width: 64,
      height: 64,
      stride: 64,
      format: 'GRAY8',
      data: new Uint8Array(64 * 64).fill(90),
    };
    const here = await renderOverlay(small, { verdict: { result: 'invalid', reason: 'exposure' }, regions: [] });
    assert.deepEqual(await readFile(out), Buffer.from(here));
  } finally {
    await rm(folder, { recursive: true });
  }
});
