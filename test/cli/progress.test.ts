import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { PROGRESS_LIMITS, showProgress } from '../../src/cli/progress.js';

function capture(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 80 });
  return { stream, text: () => String(stream.read() ?? '') };
}

describe('progress', () => {
  it('without a terminal is a plain line now and then, and one at the end', () => {
    let nowMs = 0;
    const { stream, text } = capture(false);
    const progress = showProgress({ title: 'evaluating', total: 100, stream, now: () => nowMs });
    for (let done = 1; done <= 100; done++) {
      nowMs += PROGRESS_LIMITS.lineEveryMs / 40;
      progress.update(done, done === 100 ? 'finished' : '');
    }
    progress.stop();
    assert.equal(text(), 'evaluating 40/100\nevaluating 80/100\nevaluating 100/100 finished\n');
  });

  it('on a terminal is a bar that lines go above and that goes away', () => {
    const { stream, text } = capture(true);
    const progress = showProgress({ title: 'training', total: 10, stream });
    progress.update(5, 'loss 0.1');
    progress.say('a line');
    progress.stop();
    progress.stop();
    const shown = text();
    assert.match(shown, /training .*0\/10/);
    assert.match(shown, /a line\n/);
    assert.ok(shown.includes('\u001b[?25h'), 'the cursor is back');
  });
});
