/**
 * Distils the base Local-Net that ships (models/local-net.onnx) from folders of images.
 * Usage: node dist/bench/distil-base.js OUT STEPS FOLDER…
 */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeImage, IMAGE_EXTENSIONS } from '../src/image/decode.js';
import { packPixels } from '../src/image/pixels.js';
import { distilLocalNet } from '../src/train/distil.js';
import { localNetModel } from '../src/train/local-net-file.js';
import type { Raster } from '../src/train/raster.js';

const SETTINGS = { crop: 192, batch: 8, seed: 1, threads: 2, learningRate: 1e-3, smallestSide: 200 };

const [out, steps, ...folders] = process.argv.slice(2);
if (!out || !steps || folders.length === 0) throw new Error('usage: distil-base OUT STEPS FOLDER…');

const images: Raster[] = [];
for (const folder of folders) {
  const entries = await readdir(folder, { recursive: true });
  for (const entry of entries.sort()) {
    const extension = entry.slice(entry.lastIndexOf('.')).toLowerCase();
    if (!IMAGE_EXTENSIONS.has(extension)) continue;
    const picture = await decodeImage(join(folder, entry));
    const { width, height, data } = packPixels(picture);
    if (Math.min(width, height) >= SETTINGS.smallestSide) images.push({ width, height, data: Uint8Array.from(data) });
  }
}
console.log(`${images.length} images`);

const started = Date.now();
const running = new Map<string, number>();
const weights = await distilLocalNet({
  ...SETTINGS,
  images,
  steps: Number(steps),
  onStep: (step, losses) => {
    for (const [name, value] of Object.entries(losses)) {
      running.set(name, 0.98 * (running.get(name) ?? value) + 0.02 * value);
    }
    if (step % 50 === 0) {
      const shown = [...running].map(([name, value]) => `${name} ${value.toFixed(4)}`).join(' · ');
      console.log(`${step} · ${shown} · ${((Date.now() - started) / 1000).toFixed(0)} s`);
    }
  },
});
const settings = JSON.stringify({ ...SETTINGS, steps: Number(steps), images: images.length });
await writeFile(out, localNetModel(weights, 256, 256, { distilled: settings }));
console.log(`wrote ${out}`);
