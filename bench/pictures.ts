/**
 * What do pictures cost? Bytes and CPU time of each form of anomaly map, of overlays and of whole frames, on freshly simulated
 * parts that the demo model has inspected. Writes `bench/results/pictures.json`.
 *
 *     node dist/bench/pictures.js
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSimulatedDataset } from '../src/capture/simulated/dataset.js';
import { encodeFrame, encodeOverlay } from '../src/encode/attachments.js';
import { encodeMap } from '../src/encode/map.js';
import { readDataset } from '../src/evaluate/dataset.js';
import { decodeImage } from '../src/image/decode.js';
import { Inspector } from '../src/infer/inspector.js';
import { partVerdict } from '../src/infer/verdict.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import type { Attachment, Picture, RegionResult } from '../src/types.js';
import { machine } from './support/daemon.js';
import { quantileOf } from './support/statistics.js';

const PARTS = { good: 1, testGood: 20, defective: 20 } as const;
const SIZE = 512;

interface Part {
  readonly picture: Picture;
  readonly result: RegionResult;
}

const FORMS: Readonly<Record<string, (part: Part) => Promise<Attachment>>> = {
  png8: ({ result }) => encodeMap(result, 'png8'),
  png16: ({ result }) => encodeMap(result, 'png16'),
  float16: ({ result }) => encodeMap(result, 'float16'),
  overlay: ({ picture, result }) => encodeOverlay(picture, { verdict: partVerdict([result]), regions: [result] }),
  frame: ({ picture }) => encodeFrame(picture),
};

const parts = await inspectedParts();
const forms: Record<string, object> = {};
for (const [name, encode] of Object.entries(FORMS)) {
  // The first one loads what it needs.
  await encode(parts[0]!);
  const sizes: number[] = [];
  const before = process.cpuUsage();
  for (const part of parts) sizes.push((await encode(part)).bytes.byteLength);
  const { user, system } = process.cpuUsage(before);
  const cpuMs = Number(((user + system) / 1000 / parts.length).toFixed(2));
  forms[name] = { cpuMs, bytes: [0, 0.5, 1].map((share) => quantileOf(sizes, share)) };
  console.log(name, JSON.stringify(forms[name]));
}
const { rows, columns } = parts[0]!.result.map;
const report = {
  what: `pictures of ${parts.length} simulated parts of ${SIZE} × ${SIZE} pixels, maps of ${rows} × ${columns} cells; bytes: least, median, most`,
  command: 'node dist/bench/pictures.js',
  machine: machine(),
  forms,
};
await writeFile(join(PACKAGE_ROOT, 'bench', 'results', 'pictures.json'), `${JSON.stringify(report, null, 2)}\n`);

async function inspectedParts(): Promise<Part[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-pictures-'));
  const threshold = { falseRejectRate: 0.005 };
  const inspector = await Inspector.load(join(PACKAGE_ROOT, 'models', 'demo'), { threshold, threads: 2 });
  try {
    await writeSimulatedDataset({ out: folder, seed: 41, size: SIZE, placement: 'aligned', ...PARTS });
    const inspected: Part[] = [];
    for (const { path } of (await readDataset(folder)).test) {
      const picture = await decodeImage(path);
      const { width, height } = picture;
      const region = { name: 'frame', x: 0, y: 0, width, height };
      const { regions } = await inspector.inspectRegions(picture, [region]);
      inspected.push({ picture, result: regions[0]! });
    }
    return inspected;
  } finally {
    await inspector.close();
    await rm(folder, { recursive: true });
  }
}
