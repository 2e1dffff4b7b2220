import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { histogram, scoreSummary } from '../../src/cli/distribution.js';
import { duration, TrainReport } from '../../src/cli/train.js';
import { sideglance } from './command.js';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sideglance-train-cli-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('train', () => {
  it('fails for a folder without images, and writes nothing', async () => {
    const images = join(folder, 'empty');
    const out = join(folder, 'bundle');
    mkdirSync(images);
    const { code, stderr } = await sideglance(['train', '--images', images, '--out', out, '--steps', '1']);
    assert.equal(code, 1);
    assert.match(stderr, /^error: .*empty.*\(SG_(DATASET_INVALID|TOO_FEW_IMAGES)\)$/m);
    assert.equal(existsSync(out), false);
  });

  it('takes a time or a number of steps, not both', async () => {
    const { code, stderr } = await sideglance([
      'train',
      '--images',
      folder,
      '--out',
      'none',
      '--steps',
      '1',
      '--minutes',
      '1',
    ]);
    assert.equal(code, 2);
    assert.match(stderr, /^error: option '--steps <n>' cannot be used with option '--minutes <m>' \(SG_USAGE\)$/m);
  });
});

describe('what a training tells', () => {
  it('is a line for each phase and for what went wrong, and the distribution at the end', () => {
    const stream = new PassThrough();
    const report = new TrainReport(stream);
    report.event({ type: 'phase', text: 'reading' });
    report.event({ type: 'skipped', file: 'a.png', reason: 'broken' });
    report.event({ type: 'warning', text: 'few images', files: ['b.png'] });
    report.event({
      type: 'step',
      phase: 'context',
      step: 9,
      progress: 1,
      losses: { inconsistency: 0.12345 },
      secondsLeft: 0,
    });
    const scores = Array.from({ length: 300 }, (_, i) => i / 100);
    report.event({ type: 'calibrated', scores, mapThreshold: 4 });
    const lines = String(stream.read()).split('\n');
    assert.deepEqual(lines.slice(0, 4), ['reading', 'skipped a.png: broken', 'warning: few images', '  b.png']);
    assert.match(lines[4] ?? '', /100 % step 9, inconsistency 0\.1235, 0 s left$/);
    assert.match(
      lines[5] ?? '',
      /^scores of 300 good images that the model had not seen: 0\.000 \|.*\| 2\.990, median 1\.490$/,
    );
    assert.match(lines[6] ?? '', /^threshold at a false reject rate of 0\.5 %: 2\.990$/);
  });

  it('names a threshold that is a guess as one', () => {
    assert.match(scoreSummary([1, 2, 3]), /\(extrapolated: 3 scores are too few to count off 0\.5 %\)$/);
    assert.doesNotThrow(() => scoreSummary([1]));
  });

  it('draws a histogram in which a single score still shows', () => {
    const bars = histogram([...new Array<number>(999).fill(0), 10]);
    assert.equal(bars.length, 24);
    assert.deepEqual([bars[0], bars[1], bars.at(-1)], ['█', ' ', '▁']);
    assert.equal(histogram([5])[0], '█');
  });

  it('is short about time', () => {
    assert.deepEqual([0.4, 59.6, 200, 3600, 3900].map(duration), ['0 s', '1 min', '3 min 20 s', '1 h', '1 h 5 min']);
  });
});
