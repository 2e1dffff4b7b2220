import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { defectOfPart, SimulatedLine, type SimulatedLineOptions } from '../../../src/capture/simulated/line.js';
import { renderPart } from '../../../src/capture/simulated/render.js';
import { SideglanceError } from '../../../src/errors.js';

const OPTIONS: SimulatedLineOptions = {
  seed: 5,
  width: 160,
  height: 128,
  format: 'RGB',
  placement: 'aligned',
  defectShare: 0.5,
};
const LINE_MODULE = new URL('../../../src/capture/simulated/line.js', import.meta.url);

describe('the simulated line', () => {
  it('delivers the parts in order, each with the truth about it, then null', async () => {
    const line = new SimulatedLine({ ...OPTIONS, firstIndex: 10, parts: 6 });
    try {
      for (let index = 10; index < 16; index++) {
        const picture = await line.next();
        const defect = defectOfPart(OPTIONS, index);
        const expected = renderPart({ ...OPTIONS, index, defect });
        assert.deepEqual(picture, expected.picture);
        const { mask: _, ...truth } = expected.truth;
        assert.deepEqual(line.truthOf(index), truth);
        assert.equal(truth.defective, defect !== null);
      }
      assert.equal(await line.next(), null);
      assert.equal(line.truthOf(16), undefined);
    } finally {
      await line.close();
    }
  });

  it('gives every caller a part of its own when several ask at once', async () => {
    const line = new SimulatedLine({ ...OPTIONS, parts: 3 });
    try {
      const pictures = await Promise.all([line.next(), line.next(), line.next(), line.next()]);
      for (let index = 0; index < 3; index++) {
        const defect = defectOfPart(OPTIONS, index);
        assert.deepEqual(pictures[index], renderPart({ ...OPTIONS, index, defect }).picture);
      }
      assert.equal(pictures[3], null);
    } finally {
      await line.close();
    }
  });

  it('keeps the event loop free while it renders', async () => {
    const line = new SimulatedLine({ ...OPTIONS, width: 2048, height: 2048 });
    try {
      let turns = 0;
      const ticking = setInterval(() => turns++, 1);
      await line.next();
      clearInterval(ticking);
      assert.ok(turns > 10, `${turns} turns of the event loop while a large part was rendered`);
    } finally {
      await line.close();
    }
  });

  it('answers null to who waits when it is closed, and to who asks later', async () => {
    const line = new SimulatedLine(OPTIONS);
    const waiting = line.next();
    await line.close();
    assert.equal(await waiting, null);
    assert.equal(await line.next(), null);
    await line.close();
  });

  it('says that the camera is lost when its thread cannot render', async () => {
    const line = new SimulatedLine({ ...OPTIONS, seed: 0.5 });
    try {
      for (let attempt = 0; attempt < 2; attempt++) {
        await assert.rejects(line.next(), (thrown: unknown) => {
          assert.ok(thrown instanceof SideglanceError);
          assert.equal(thrown.code, 'SG_CAMERA_LOST');
          assert.match(thrown.message, /cannot render: .*whole numbers, not 0\.5/);
          return true;
        });
      }
    } finally {
      await line.close();
    }
  });

  it('refuses a frame in which no part can be drawn', () => {
    assert.throws(() => new SimulatedLine({ ...OPTIONS, height: 64 }), { code: 'SG_FRAME_FORMAT' });
  });

  it('does not keep a process alive that no longer waits for a picture', { timeout: 20_000 }, async () => {
    const program = `import(${JSON.stringify(LINE_MODULE.href)}).then(async ({ SimulatedLine }) => {
      const line = new SimulatedLine(${JSON.stringify(OPTIONS)});
      console.log((await line.next()).data.length);
    })`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const [code] = await once(child, 'close');
    assert.deepEqual([code, output.trim()], [0, String(3 * 160 * 128)]);
  });
});

describe('which part has a defect', () => {
  it('follows the share asked for and does not depend on what was asked before', () => {
    const line = { seed: 3, defectShare: 0.15 };
    const fates = Array.from({ length: 2000 }, (_, index) => defectOfPart(line, index));
    const defective = fates.filter((fate) => fate !== null).length;
    // Four deviations of a binomial distribution.
    assert.ok(Math.abs(defective - 300) < 4 * Math.sqrt(2000 * 0.15 * 0.85), `${defective} of 2000`);
    assert.equal(defectOfPart(line, 77), fates[77]);
    assert.equal(defectOfPart({ seed: 3, defectShare: 0 }, 77), null);
    assert.notEqual(defectOfPart({ seed: 3, defectShare: 1 }, 77), null);
  });
});
