/**
 * A model on a GPU beside the same one on the processor, in one run: do they agree, and what do they cost? Needs an ONNX Runtime
 * that brings the provider (docs/hardware.md). Writes `bench/results/gpu.json`; ends with 1 where verdicts differ that must not.
 *
 *     node dist/bench/gpu.js --library /opt/onnxruntime/lib/libonnxruntime.so [--provider cuda] [--parts 100] [--minutes 1]
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PACKAGE_ROOT } from '../src/paths.js';
import { measureAgreement } from './gpu/agreement.js';
import { measureEndurance } from './gpu/endurance.js';
import { measureSurfaces } from './gpu/surfaces.js';
import { measureTimes } from './gpu/times.js';
import { CommandLine } from './support/arguments.js';
import { machine } from './support/daemon.js';

const PROVIDERS = ['cuda', 'tensorrt'] as const;

const line = new CommandLine(
  'usage: node dist/bench/gpu.js [--library FILE] [--provider cuda|tensorrt] [--model FOLDER] [--parts N] [--minutes N] [--out FILE]',
);
const { values } = line.parse(process.argv.slice(2), {
  library: { type: 'string' },
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
const library = values.library ?? process.env.ORT_LIB;
const cache = await mkdtemp(join(tmpdir(), 'sideglance-gpu-'));
const place = { provider, ...(library !== undefined && { library: resolve(library) }), cache };
try {
  const model = resolve(values.model);
  const report: Record<string, unknown> = { machine: { ...machine(), gpu: gpus() }, provider };
  const say = async (name: string, figures: object) => {
    report[name] = figures;
    await writeFile(values.out, `${JSON.stringify(report, null, 2)}\n`);
    console.log(`${name}: ${JSON.stringify(figures, null, 2)}`);
  };
  const agreement = await measureAgreement(model, place, parts);
  await say('agreement', agreement);
  await say('times', await measureTimes(model, place, parts));
  await say('surfaces', await measureSurfaces(place));
  await say('endurance', await measureEndurance(model, place, minutes));
  if (agreement.some(({ precision, verdictsThatDiffer }) => precision === 'fp32' && verdictsThatDiffer > 0)) {
    process.exitCode = 1;
  }
} finally {
  await rm(cache, { recursive: true, force: true });
}

/** Name, driver and memory of each, as the driver's own tool tells it. */
function gpus(): string[] {
  const args = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
  return execFileSync('nvidia-smi', args, { encoding: 'utf8' }).trim().split('\n');
}
