import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { AblationSchema } from '../../bench/ablation/measure.js';
import { readOptions } from '../../bench/ablation/options.js';
import { AS_IT_IS, VARIANTS } from '../../bench/ablation/variants.js';
import { ablation } from '../../bench/ablation.js';
import { metricsOf } from '../../bench/accuracy/measure.js';
import { writeSimulatedDataset } from '../../src/capture/simulated/dataset.js';
import { readDataset } from '../../src/evaluate/dataset.js';
import { evaluateModel } from '../../src/evaluate/evaluate.js';
import { modelScorer } from '../../src/evaluate/model-scorer.js';
import { Inspector } from '../../src/infer/inspector.js';
import { trainModel } from '../../src/train/model.js';
import { writeTrained } from '../../src/train/train.js';

describe('ablation', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sideglance-ablation-'));
    await writeSimulatedDataset({
      ...{ out: join(folder, 'sets', 'line'), seed: 3, size: 128, placement: 'aligned' },
      ...{ good: 20, testGood: 5, defective: 1 },
    });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('a row for each variant; as it is, the model has the figures that its bundle has in the harness', async () => {
    const out = join(folder, 'results', 'ablation');
    const said: string[] = [];
    const bundle = join(folder, 'bundle');
    const keeping: typeof trainModel = async (options) => {
      const trained = await trainModel(options);
      await writeTrained({ ...options, out: bundle }, trained);
      return trained;
    };
    const args = [join(folder, 'sets'), '--steps', '3', '--size', '96', '--out', out];
    const run = () => ablation(args, { say: (text) => said.push(text), train: keeping });
    assert.equal(await run(), 0);
    const table = await readFile(`${out}.md`, 'utf8');
    for (const { name } of VARIANTS) {
      const row = `| ${name} | `;
      const line = table.split('\n').find((one) => one.startsWith(row));
      assert.match(line?.slice(row.length) ?? `no row ${name}`, /^[01]\.\d{4} \/ [01]\.\d{4} \/ [01]\.\d{4} \|$/);
    }
    const report = JSON.parse(await readFile(`${out}.json`, 'utf8'));
    const { variants } = AblationSchema.parse(report.categories[0].figures);
    const asItIs = variants[AS_IT_IS.name]!;

    const inspector = await Inspector.load(bundle, { threshold: { falseRejectRate: 0.005 } });
    const expected = metricsOf(
      await evaluateModel(modelScorer(inspector), await readDataset(join(folder, 'sets', 'line'))),
    );
    await inspector.close();
    for (const metric of ['imageAuroc', 'pixelAuroc', 'aupro', 'aupro05'] as const) {
      const [ours, theirs] = [asItIs[metric]!, expected[metric]!];
      assert.ok(Math.abs(ours - theirs) < 1e-4, `${metric} is ${ours}, in the harness ${theirs}`);
    }

    // What only changes the score leaves the map, and what the score does not look at leaves the score.
    for (const { name } of VARIANTS.slice(1)) {
      const map = variants[name]!.pixelAuroc;
      if (name.startsWith('score:')) assert.equal(map, asItIs.pixelAuroc, name);
      else assert.notEqual(map, asItIs.pixelAuroc, `${name} changes no map`);
    }
    assert.equal(variants['without context']!.imageAuroc, asItIs.imageAuroc);

    assert.equal(await run(), 0);
    assert.match(said.join(''), /kept from an earlier run/);
    assert.equal(await readFile(`${out}.md`, 'utf8'), table);
  });

  test('a broken folder is refused before anything is trained', async () => {
    const refused = (path: string, message: RegExp) =>
      assert.rejects(ablation([path, '--out', join(folder, 'none')], { say: () => undefined }), {
        code: 'SG_DATASET_INVALID',
        message,
      });
    await refused(join(folder, 'nowhere'), /nowhere cannot be read/);
    await mkdir(join(folder, 'empty'));
    await refused(join(folder, 'empty'), /holds no category/);
    await cp(join(folder, 'sets', 'line'), join(folder, 'broken', 'line'), { recursive: true });
    await rm(join(folder, 'broken', 'line', 'ground_truth'), { recursive: true });
    await refused(join(folder, 'broken'), /line cannot be evaluated: the folder ground_truth.* is missing/);
    const usage = { code: 'SG_USAGE' };
    await assert.rejects(readOptions([join(folder, 'sets'), '--categories', 'nut']), {
      ...usage,
      message: /nut.*line/,
    });
    await assert.rejects(readOptions([join(folder, 'sets'), '--steps', '0']), { ...usage, message: /--steps/ });
  });
});
