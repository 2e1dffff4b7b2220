/**
 * What does the camera's resolution cost? The time from a frame to the network's input, finding the part included, beside that of the
 * network itself, for the same network behind cameras of several sizes: all in turns. Writes `bench/results/cropping.json`.
 *
 *     node dist/bench/cropping.js [--rounds 40] [--out FILE]
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { renderPart } from '../src/capture/simulated/render.js';
import { Inspector } from '../src/infer/inspector.js';
import { SEARCHES, type Search } from '../src/infer/locate/locator.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import { regionSize } from '../src/train/good-images.js';
import type { Picture, PixelFormat } from '../src/types.js';
import { CommandLine } from './support/arguments.js';
import { machine } from './support/daemon.js';
import { type Size, writeOwnBundle } from './support/own-bundle.js';
import { prepareResults } from './support/results.js';
import { spreadOf } from './support/statistics.js';

const FRAMES: readonly Size[] = [
  { width: 320, height: 240 },
  { width: 640, height: 480 },
  { width: 1280, height: 960 },
  { width: 2560, height: 1920 },
];
const FORMATS: readonly PixelFormat[] = ['GRAY8', 'RGB'];
/** The input has about as many pixels as a square of this side, as `sideglance train` makes it. */
const INPUT_SIDE = 256;
/** Rounds before the first that counts. */
const WARM_UP = 10;

interface Case {
  readonly frame: Size;
  readonly format: PixelFormat;
  readonly search: Search;
  readonly picture: Picture;
  readonly inspector: Inspector;
  readonly cropMs: number[];
  readonly networkMs: number[];
}

const line = new CommandLine('usage: node dist/bench/cropping.js [--rounds 40] [--out FILE]');
const { values } = line.parse(process.argv.slice(2), {
  rounds: { type: 'string', default: '40' },
  out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'cropping.json') },
});
const rounds = line.whole('--rounds', values.rounds, 1, 10_000);
await prepareResults(values.out);
// All frames have the same shape, and so the same input.
const input = regionSize(FRAMES[0]!.width, FRAMES[0]!.height, INPUT_SIDE);
const cases = await measured();
const rows = cases.map(({ frame, format, search, cropMs, networkMs }) => {
  const crop = spreadOf(cropMs);
  const ratio = spreadOf(cropMs.map((ms, i) => ms / networkMs[i]!));
  return { frame: `${frame.width}×${frame.height}`, format, search, cropMs: crop, toNetwork: ratio };
});
const report = {
  what: 'from a frame to the input of the network, its finding the part included; toNetwork: divided by the time of the network right after it',
  command: `node dist/bench/cropping.js --rounds ${rounds}`,
  machine: machine(),
  input: `${input.width}×${input.height}`,
  threads: 1,
  networkMs: spreadOf(cases.flatMap(({ networkMs }) => networkMs)),
  rows,
};
await writeFile(values.out, `${JSON.stringify(report, null, 2)}\n`);
for (const { frame, format, search, cropMs, toNetwork } of rows) {
  console.log(
    `${frame} ${format} ${search}: ${cropMs.median.toFixed(1)} ms, ${toNetwork.median.toFixed(2)} of the network`,
  );
}

async function measured(): Promise<Case[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-cropping-'));
  const inspectors = new Map<Search, Inspector>();
  try {
    for (const search of SEARCHES) {
      const bundle = join(folder, search);
      await writeOwnBundle(bundle, input, search);
      inspectors.set(search, await Inspector.load(bundle, { threshold: { score: Number.MAX_VALUE } }));
    }
    const cases = FRAMES.flatMap((frame) =>
      FORMATS.flatMap((format) => {
        const { picture } = renderPart({ seed: 7, index: 3, ...frame, format, placement: 'aligned' });
        return SEARCHES.map(
          (search): Case => ({
            ...{ frame, format, search, picture },
            ...{ inspector: inspectors.get(search)!, cropMs: [], networkMs: [] },
          }),
        );
      }),
    );
    for (let round = 0; round < WARM_UP + rounds; round++) {
      for (const { frame, picture, inspector, cropMs, networkMs } of cases) {
        const inspected = await inspector.inspectRegions(picture, [{ name: 'frame', x: 0, y: 0, ...frame }]);
        if (round < WARM_UP) continue;
        cropMs.push(inspected.cropMs);
        networkMs.push(inspected.networkMs);
      }
    }
    return cases;
  } finally {
    for (const inspector of inspectors.values()) await inspector.close();
    await rm(folder, { recursive: true });
  }
}
