import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../src/config/load.js';
import { AcceptanceSet } from '../../src/updates/acceptance-set.js';
import type { ProofJob } from '../../src/updates/proof.js';
import { proveApart } from '../../src/updates/proof-process.js';
import { writeBrightnessBundle } from '../support/brightness-bundle.js';
import { fault } from '../support/faults.js';
import { writeGrey } from '../support/grey-images.js';

const MISBEHAVING = fileURLToPath(new URL('./misbehaving-program.js', import.meta.url));
const root = await mkdtemp(join(tmpdir(), 'sideglance-proof-'));
after(() => rm(root, { recursive: true, force: true }));

const bundle = join(root, 'bundle');
await writeBrightnessBundle(bundle);
const set = new AcceptanceSet(join(root, 'acceptance'));
for (const level of [0, 60, 200, 255]) {
  const file = join(root, `${level}.png`);
  await writeGrey(file, level);
  await set.add('top', level < 100 ? 'pass' : 'fail', file);
}
const file = join(root, 'config.yaml');
const station = { name: 'top', camera: { type: 'simulated' }, threshold: { score: 0.5 } };
// JSON is YAML.
await writeFile(file, JSON.stringify({ device: { site: 's', line: 'l', name: 'd' }, stations: [station] }));
const { infer, stations } = loadConfig(file);
const { regions } = stations[0]!;

async function job(
  more: { score?: number; folder?: string; limits?: Partial<ProofJob['limits']> } = {},
): Promise<ProofJob> {
  return {
    folder: more.folder ?? bundle,
    station: { name: 'top', regions, threshold: { score: more.score ?? 0.5 } },
    infer,
    acceptance: await set.list('top'),
    limits: { judgeMs: 10_000, memoryMb: 4096, withinMs: 60_000, ...more.limits },
  };
}

test('a bundle that judges every part of the acceptance set right is proven, with figures', async () => {
  const { provider, accepted, judgeMs, peakMb } = await proveApart(await job());
  assert.deepEqual([provider, accepted], ['cpu', 4]);
  assert.ok(judgeMs > 0 && peakMb > 20);
});

test('one that rejects a good part, or lets a bad one through, is refused, and the part is named', async () => {
  await assert.rejects(
    proveApart(await job({ score: 0.1 })),
    fault(
      'SG_BUNDLE_ACCEPTANCE',
      /brightness@1\.0\.0 says fail \(score of frame 0\.235 of 0\.100\).*\.png of station top has to pass/,
    ),
  );
  await assert.rejects(proveApart(await job({ score: 0.9 })), fault('SG_BUNDLE_ACCEPTANCE', /says pass.* has to fail/));
});

test('one that takes too long or too much memory is refused', async () => {
  await assert.rejects(proveApart(await job({ limits: { judgeMs: 1e-6 } })), fault('SG_BUNDLE_SLOW', /are allowed/));
  await assert.rejects(proveApart(await job({ limits: { memoryMb: 40 } })), fault('SG_BUNDLE_MEMORY', /40/));
});

test('one that crashes, hangs or fills its process harms nothing else', async () => {
  await assert.rejects(
    proveApart(await job({ folder: join(root, 'aborts') }), MISBEHAVING),
    fault('SG_BUNDLE_CRASHED', /for station top was killed by SIGABRT.*out of range/s),
  );
  await assert.rejects(
    proveApart(await job({ folder: join(root, 'hangs'), limits: { withinMs: 500 } }), MISBEHAVING),
    fault('SG_BUNDLE_SLOW', /within 0\.5 s/),
  );
  await assert.rejects(
    proveApart(await job({ folder: join(root, 'fills'), limits: { memoryMb: 300 } }), MISBEHAVING),
    fault('SG_BUNDLE_MEMORY', /more than 300 MiB/),
  );
});

test('one that is none keeps its own reason', async () => {
  await assert.rejects(
    proveApart(await job({ folder: join(root, 'nothing') })),
    fault('SG_MODEL_UNREADABLE', /nothing/),
  );
});
