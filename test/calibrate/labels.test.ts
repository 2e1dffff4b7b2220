import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLabels, readLabels } from '../../src/calibrate/labels.js';

test('labels are CSV, with or without a header', () => {
  const labels = [
    { file: 'a.png', label: 'pass', line: 2 },
    { file: 'b, old.png', label: 'fail', line: 4 },
    { file: 'sub/"c".png', label: 'pass', line: 5 },
  ];
  const text = '\uFEFFfile,label\r\na.png,pass\r\n\r\n"b, old.png" , fail\r\n"sub/""c"".png",pass\r\n';
  assert.deepEqual(parseLabels(text, 'x'), labels);
  assert.deepEqual(parseLabels('a.png, pass', 'x'), [{ file: 'a.png', label: 'pass', line: 1 }]);
  assert.deepEqual(parseLabels('', 'x'), []);
});

test('labels are JSON Lines, whose other keys are ignored', () => {
  const text = '{"file": "a.png", "label": "fail", "who": "QA 3"}\n{"label":"pass","file":"b.png"}\n';
  assert.deepEqual(parseLabels(text, 'x'), [
    { file: 'a.png', label: 'fail', line: 1 },
    { file: 'b.png', label: 'pass', line: 2 },
  ]);
});

test('every line at fault is named', () => {
  const lines = [
    'a.png,pass',
    'b.png,ok',
    'c.png',
    'd,e.png,pass',
    '{"file": "f.png"}',
    '{"file": ',
    'g.png,',
    ',pass',
  ];
  assert.throws(() => parseLabels(lines.join('\n'), 'labels.csv'), {
    code: 'SG_LABELS_INVALID',
    message:
      /^labels\.csv has .*\nlabels\.csv:2: unknown label "ok", not pass or fail\nlabels\.csv:3: expected file,label.*\nlabels\.csv:4: expected.*\nlabels\.csv:5: it needs.*\nlabels\.csv:6: it is no JSON.*\nlabels\.csv:7: unknown label ""[^\n]*\nlabels\.csv:8: expected[^\n]*$/,
  });
  assert.throws(() => parseLabels('x\n'.repeat(20), 'l'), /l:8: .*\nand 12 more$/);
});

test('labels that cannot be read are named', async () => {
  await assert.rejects(readLabels('/nowhere/labels.csv'), { code: 'SG_LABELS_INVALID', message: /nowhere/ });
});
