/**
 * A model on a GPU beside the same one on the processor, in one run: do they agree, and what do they cost? Needs an ONNX Runtime
 * that brings the provider (docs/hardware.md), named by ORT_LIB. Writes `bench/results/gpu.json`, where parts that were measured
 * before stay; ends with 1 where a bar is missed.
 *
 *     ORT_LIB=/opt/onnxruntime/lib/libonnxruntime.so node dist/bench/gpu.js [--provider cuda] [--parts 100] [--minutes 1]
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PACKAGE_ROOT } from '../src/paths.js';
import { measureAgreement } from './gpu/agreement.js';
import { measureEndurance } from './gpu/endurance.js';
import type { GpuPrecision, Place } from './gpu/place.js';
import { measureSurfaces } from './gpu/surfaces.js';
import { measureTimes } from './gpu/times.js';
import { CommandLine } from './support/arguments.js';
import { machine } from './support/daemon.js';

const PROVIDERS = ['cuda', 'tensorrt'] as const;

interface Wish {
  readonly model: string;
  readonly place: Place;
  readonly parts: number;
  readonly minutes: number;
}

interface Part {
  readonly bar: string;
  measure(wish: Wish): Promise<{ readonly passed: boolean }>;
}

/** Each in a process of its own: whether TF32 may be used is settled once in a process. */
const PARTS: Readonly<Record<string, Part>> = {
  fp32: { bar: 'no verdict differs from that of the processor', measure: (wish) => agreement(wish, 'fp32') },
  tf32: { bar: 'scores move; calibrate before use', measure: (wish) => agreement(wish, 'tf32') },
  fp16: { bar: 'scores move; calibrate before use', measure: (wish) => agreement(wish, 'fp16') },
  times: {
    bar: 'none',
    measure: async ({ model, place, parts }) => ({ passed: true, times: await measureTimes(model, place, parts) }),
  },
  surfaces: {
    bar: 'none',
    measure: async ({ place }) => ({ passed: true, surfaces: await measureSurfaces(place) }),
  },
  endurance: {
    bar: 'memory of the process and of the GPU stays',
    measure: async ({ model, place, minutes }) => {
      const figures = await measureEndurance(model, place, minutes);
      const { rssMb, gpuMb } = figures;
      return { passed: rssMb.late <= 1.05 * rssMb.early && gpuMb.late <= gpuMb.early, ...figures };
    },
  },
};

async function agreement({ model, place, parts }: Wish, precision: GpuPrecision) {
  const figures = await measureAgreement(model, place, precision, parts);
  return { passed: precision !== 'fp32' || figures.verdictsThatDiffer === 0, ...figures };
}

const line = new CommandLine(
  'usage: ORT_LIB=FILE node dist/bench/gpu.js [--only PART,…] [--provider cuda|tensorrt] [--model FOLDER] [--parts N] [--minutes N] [--out FILE]',
);
const { values } = line.parse(process.argv.slice(2), {
  only: { type: 'string' },
  provider: { type: 'string', default: 'cuda' },
  model: { type: 'string', default: join(PACKAGE_ROOT, 'models', 'demo') },
  parts: { type: 'string', default: '100' },
  minutes: { type: 'string', default: '1' },
  out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'gpu.json') },
});
const provider = PROVIDERS.find((one) => one === values.provider);
if (provider === undefined) throw line.wrong(`--provider is one of ${PROVIDERS.join(', ')}, not ${values.provider}`);
const parts = line.whole('--parts', values.parts, 4, 100_000);
const minutes = line.minutes(values.minutes);
const names = values.only === undefined ? Object.keys(PARTS) : line.names('--only', values.only, Object.keys(PARTS));
if (names.length > 1) {
  for (const name of names) {
    const args = [...process.execArgv, ...process.argv.slice(1), '--only', name];
    if (spawnSync(process.execPath, args, { stdio: 'inherit' }).status !== 0) process.exitCode = 1;
  }
} else {
  const name = names[0] as string;
  const { bar, measure } = PARTS[name] as Part;
  const cache = await mkdtemp(join(tmpdir(), 'sideglance-gpu-'));
  try {
    const { passed, ...figures } = await measure({
      model: resolve(values.model),
      place: { provider, cache },
      parts,
      minutes,
    });
    const results = JSON.parse(await readFile(values.out, 'utf8').catch(() => '{}')) as Record<string, unknown>;
    results[`${provider} ${name}`] = { bar, passed, machine: { ...machine(), gpu: gpus() }, ...figures };
    await writeFile(values.out, `${JSON.stringify(results, null, 2)}\n`);
    console.log(`${passed ? 'passed' : 'MISSED'}  ${provider} ${name}: ${bar}\n${JSON.stringify(figures, null, 2)}`);
    if (!passed) process.exitCode = 1;
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

/** Name, driver and memory of each, as the driver's own tool tells it. */
function gpus(): string[] {
  const args = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
  return execFileSync('nvidia-smi', args, { encoding: 'utf8' }).trim().split('\n');
}
