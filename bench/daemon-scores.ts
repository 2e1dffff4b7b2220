/**
 * Does the daemon see what `sideglance inspect` sees? Reads images through GStreamer as the frames of a station, and
 * compares each published score with that of `inspect` for the same file. Writes `bench/results/daemon-scores.json`.
 *
 *     node dist/bench/daemon-scores.js --model BUNDLE FOLDER…
 *
 * The images of the folders and of what lies in them are taken, as PNG: decoders of JPEG differ by a grey level or two.
 */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { decodeImage, IMAGE_EXTENSIONS } from '../src/image/decode.js';
import { writePng } from '../src/image/save.js';
import { inspectFiles } from '../src/inspect.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import { machine, nextInspection, startDaemon } from './support/daemon.js';

const ALLOWED_DIFFERENCE = 1e-3;
const LONGEST_MS = 300_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string' },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'daemon-scores.json') },
  },
});
if (!values.model || positionals.length === 0) throw new Error('usage: daemon-scores --model BUNDLE FOLDER…');
const model = resolve(values.model);

const folder = await mkdtemp(join(tmpdir(), 'sideglance-scores-'));
const names: string[] = [];
for (const source of positionals) {
  for (const entry of (await readdir(source, { recursive: true })).sort()) {
    if (!IMAGE_EXTENSIONS.has(extname(entry).toLowerCase())) continue;
    const number = String(names.length).padStart(5, '0');
    await writePng(join(folder, `${number}.png`), await decodeImage(join(source, entry)));
    names.push(join(basename(source), entry));
  }
}

const expected: number[] = [];
for await (const outcome of inspectFiles({ model, files: [folder] })) {
  if ('skipped' in outcome) throw outcome.skipped.error;
  expected.push(outcome.result.score);
}

const published = new Map<number, number>();
const camera = () => ({ type: 'files', path: folder, framesPerSecond: 5 });
// A late part has no score, and this is not about time.
const daemon = await startDaemon({ stations: 1, camera, model, deadlineMs: 30_000 });
daemon.onInspection(({ part, regions }) => {
  const [region] = regions;
  if (region && region.score !== null) published.set(part.sequence, region.score);
});
await nextInspection(daemon, ({ part }) => part.sequence === names.length - 1, LONGEST_MS);
await daemon.stop();
await rm(folder, { recursive: true });

const differences = expected.map((score, sequence) => Math.abs(score - (published.get(sequence) ?? Number.NaN)));
const largest = differences.reduce((a, b) => (a >= b ? a : b), 0);
const passed = published.size === expected.length && largest <= ALLOWED_DIFFERENCE;
const result = {
  what: 'scores of the daemon, reading PNG images through GStreamer, against those of `sideglance inspect`',
  command: `node dist/bench/daemon-scores.js --model ${basename(model)} ${positionals.map((path) => basename(path)).join(' ')}`,
  machine: machine(),
  verdict: passed ? 'passed' : 'FAILED',
  images: expected.length,
  answered: published.size,
  largestDifference: largest,
  allowedDifference: ALLOWED_DIFFERENCE,
  scores: { least: Math.min(...expected), largest: Math.max(...expected) },
};
await mkdir(join(values.out, '..'), { recursive: true });
await writeFile(values.out, `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));
process.exitCode = passed ? 0 : 1;
