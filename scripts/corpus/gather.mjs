#!/usr/bin/env node
// Gathers pictures to distil a base Local-Net on: from packages pinned by name and version, only under
// CC0 and CC BY, plus surfaces and prints rendered here. The pictures stay outside the repository; what was used and
// whose it is goes to models/CORPUS.md.
//
//   node scripts/corpus/gather.mjs [--out .cache/corpus] [--cache .cache/packages] [--hazelnut DIR] [--credits FILE]
//
// Needs apt-get, dpkg-deb (any Debian), npm, and gst-launch-1.0 with openexrdec (gstreamer1.0-plugins-bad).
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { writeCredits } from './credits.mjs';
import { PRINT_KINDS, renderPrint } from './print.mjs';
import { seeded } from './random.mjs';
import { renderRelief } from './relief.mjs';
import { findPictures, pmndrs } from './sources.mjs';

const LIMITS = {
  maxSidePx: 1024,
  minSidePx: 128,
  /** Pictures with more see-through pixels are cut-outs: their edges are nobody's surface. */
  maxTransparentShare: 0.02,
  /** Standard deviation of the grey levels below which a picture shows nothing. */
  minContrast: 5,
  matcapsPerNormalMap: 28,
  printsPerKind: 30,
  jpegQuality: 95,
};
const OWN = { source: 'rendered by scripts/corpus', licence: 'Apache-2.0', author: 'the sideglance contributors' };

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: '.cache/corpus' },
    cache: { type: 'string', default: '.cache/packages' },
    hazelnut: { type: 'string' },
    credits: { type: 'string', default: 'models/CORPUS.md' },
  },
});
const images = [];
const seen = new Set();
const skipped = {};

rmSync(join(options.out, 'images'), { recursive: true, force: true });
mkdirSync(join(options.out, 'images'), { recursive: true });
for (const found of findPictures(options.cache)) await take(found);
if (options.hazelnut !== undefined) for (const found of hazelnuts(options.hazelnut)) await take(found);
await takePanoramas();
await takeReliefs();
await takePrints();
writeFileSync(join(options.out, 'corpus.json'), `${JSON.stringify({ images }, null, 1)}\n`);
writeCredits(options.credits, images);
console.log(`${images.length} pictures in ${options.out}`, count(images.map(({ kind }) => kind)), 'left out:', skipped);

/** Decodes, judges and writes one picture; a large one also as its quarters, so that fine texture stays fine. */
async function take({ read, ...facts }) {
  const bytes = read();
  if (repeated(bytes)) return skip('seen before');
  try {
    const { width, height } = await sharp(bytes).metadata();
    if (Math.min(width, height) < LIMITS.minSidePx) return skip('too small');
    if ((await transparentShare(bytes)) > LIMITS.maxTransparentShare) return skip('see-through');
    const whole = { left: 0, top: 0, width, height };
    const parts = Math.min(width, height) >= 2 * LIMITS.maxSidePx * 0.75 ? [whole, ...quarters(whole)] : [whole];
    for (const part of parts) await write(sharp(bytes).extract(part).flatten(), facts);
  } catch (thrown) {
    skip(`not decoded (${thrown.message})`);
  }
}

function quarters({ width, height }) {
  const half = { width: Math.floor(width / 2), height: Math.floor(height / 2) };
  return [0, half.width].flatMap((left) => [0, half.height].map((top) => ({ left, top, ...half })));
}

async function write(image, facts) {
  const limit = { width: LIMITS.maxSidePx, height: LIMITS.maxSidePx, fit: 'inside', withoutEnlargement: true };
  const rgb = image.toColourspace('srgb').resize(limit);
  const { data, info } = await rgb
    .jpeg({ quality: LIMITS.jpegQuality, chromaSubsampling: '4:4:4' })
    .toBuffer({ resolveWithObject: true });
  const [grey] = (await sharp(data).greyscale().stats()).channels;
  if (grey.stdev < LIMITS.minContrast) return skip('no contrast');
  const path = `images/${String(images.length).padStart(5, '0')}.jpg`;
  writeFileSync(join(options.out, path), data);
  const { path: from, ...rest } = facts;
  images.push({ path, width: info.width, height: info.height, ...rest, from });
}

async function transparentShare(bytes) {
  if (!(await sharp(bytes).metadata()).hasAlpha) return 0;
  const alpha = await sharp(bytes).extractChannel(3).raw().toBuffer();
  return alpha.reduce((sum, a) => sum + (a < 250 ? 1 : 0), 0) / alpha.length;
}

function repeated(bytes) {
  const hash = createHash('sha256').update(bytes).digest('hex');
  const known = seen.has(hash);
  seen.add(hash);
  return known;
}

function* hazelnuts(folder) {
  const facts = {
    source: 'hazelnut inspection images',
    kind: 'part',
    licence: 'CC-BY-4.0',
    author: 'Intel Corporation',
  };
  const files = readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => /\.(png|jpe?g)$/i.test(name))
    .sort();
  for (const path of files) yield { ...facts, path, read: () => readFileSync(join(folder, path)) };
}

/** Environment maps are EXR files, which sharp does not read; GStreamer does. Above and below, they are smeared. */
async function takePanoramas() {
  for (const { read, ...facts } of pmndrs(options.cache, 'hdri')) {
    const [exr, png] = ['panorama.exr', 'panorama.png'].map((name) => join(options.cache, name));
    writeFileSync(exr, read());
    const pipeline = [
      'filesrc',
      `location=${exr}`,
      '!',
      'openexrdec',
      '!',
      'videoconvert',
      '!',
      'pngenc',
      '!',
      'filesink',
      `location=${png}`,
    ];
    execFileSync('gst-launch-1.0', ['-q', ...pipeline], { timeout: 30_000 });
    const middle = { left: 0, top: 48, width: 512, height: 160 };
    await write(sharp(readFileSync(png)).removeAlpha().extract(middle), { ...facts, kind: 'panorama' });
  }
}

/** Every normal map under many matcaps; every other time with a second normal map upon it. */
async function takeReliefs() {
  const matcaps = pmndrs(options.cache, 'matcaps');
  const shapes = pmndrs(options.cache, 'normals');
  for (const [n, shape] of shapes.entries()) {
    for (let i = 0; i < LIMITS.matcapsPerNormalMap; i++) {
      const number = n * LIMITS.matcapsPerNormalMap + i;
      const matcap = matcaps[(number * 37) % matcaps.length]; // 37 and the number of matcaps have no common divisor
      const above = i % 2 === 0 ? [] : [shapes[(n + 1 + (i >> 1)) % shapes.length]];
      const parts = [shape, ...above];
      const image = await renderRelief(
        parts.map(({ read }) => read()),
        matcap.read(),
        seeded(number),
      );
      const { read: _, ...facts } = shape;
      await write(image, { ...facts, kind: 'relief', path: [...parts, matcap].map(({ path }) => path).join(' + ') });
    }
  }
}

async function takePrints() {
  for (const [k, kind] of PRINT_KINDS.entries()) {
    for (let i = 0; i < LIMITS.printsPerKind; i++) {
      await write(await renderPrint(kind, seeded(1000 * (k + 1) + i)), { ...OWN, kind: 'print', path: `${kind} ${i}` });
    }
  }
}

function skip(why) {
  skipped[why] = (skipped[why] ?? 0) + 1;
}

function count(names) {
  const sums = {};
  for (const name of names) sums[name] = (sums[name] ?? 0) + 1;
  return sums;
}
