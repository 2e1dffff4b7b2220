import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type SimulatedDatasetOptions, writeSimulatedDataset } from '../../../src/capture/simulated/dataset.js';
import { SIMULATED_DEFECTS } from '../../../src/capture/simulated/defects.js';
import { renderPart } from '../../../src/capture/simulated/render.js';
import { sharp } from '../../../src/image/sharp.js';

describe('a simulated data set', () => {
  let folder: string;
  let options: SimulatedDatasetOptions;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sideglance-dataset-'));
    options = {
      out: join(folder, 'set'),
      good: 4,
      testGood: 2,
      defective: 13,
      seed: 11,
      size: 128,
      placement: 'aligned',
    };
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it("has MVTec's layout, a mask for every defective part, and pictures that are the rendered ones", async () => {
    const progress: number[] = [];
    const entries = await writeSimulatedDataset({ ...options, onProgress: (done) => progress.push(done) });
    assert.deepEqual(
      progress,
      Array.from({ length: 19 }, (_, i) => i + 1),
    );
    const names = (...path: string[]) => readdir(join(options.out, ...path)).then((found) => found.sort());
    assert.deepEqual(await names('train', 'good'), ['000.png', '001.png', '002.png', '003.png']);
    assert.deepEqual(await names('test', 'good'), ['000.png', '001.png']);
    assert.deepEqual(await names('test'), ['good', ...SIMULATED_DEFECTS].sort());
    assert.deepEqual(await names('ground_truth'), [...SIMULATED_DEFECTS].sort());
    assert.deepEqual(await names('ground_truth', 'dent'), ['000_mask.png', '001_mask.png']);

    assert.equal(entries.length, 15);
    for (const entry of entries) {
      const part = renderPart({
        ...options,
        width: 128,
        height: 128,
        format: 'RGB',
        index: entry.index,
        defect: entry.kind,
      });
      assert.deepEqual(await pixels(join(options.out, entry.file), 'srgb'), Buffer.from(part.picture.data));
      if (entry.kind === null) continue;
      const mask = entry.file.replace('test/', 'ground_truth/').replace('.png', '_mask.png');
      assert.deepEqual(await pixels(join(options.out, mask), 'b-w'), Buffer.from(part.truth.mask));
    }
    const index = JSON.parse(await readFile(join(options.out, 'simulated.json'), 'utf8'));
    assert.deepEqual(index.test, entries);
  });

  it('is not written over another one', async () => {
    await assert.rejects(writeSimulatedDataset(options), { code: 'SG_USAGE', message: /is not empty/ });
  });

  it('says which folder it cannot use', async () => {
    const out = join(options.out, 'simulated.json', 'below');
    await assert.rejects(writeSimulatedDataset({ ...options, out }), {
      code: 'SG_STORAGE',
      message: /simulated\.json/,
    });
  });

  it('stops between two pictures when asked to', async () => {
    const controller = new AbortController();
    const out = join(folder, 'stopped');
    const onProgress = (done: number) => {
      if (done === 2) controller.abort();
    };
    await assert.rejects(writeSimulatedDataset({ ...options, out, onProgress, signal: controller.signal }), {
      name: 'AbortError',
    });
    const written = await readdir(out, { recursive: true });
    const pictures = written.filter((name) => name.endsWith('.png') && !name.endsWith('_mask.png'));
    assert.equal(pictures.length, 2);
  });
});

async function pixels(file: string, space: 'srgb' | 'b-w'): Promise<Buffer> {
  const { data } = await sharp(file).toColourspace(space).raw().toBuffer({ resolveWithObject: true });
  return data;
}
