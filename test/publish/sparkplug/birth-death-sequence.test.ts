import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BirthDeathSequence } from '../../../src/publish/sparkplug/birth-death-sequence.js';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sideglance-bdseq-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

function connect(sequence: BirthDeathSequence): number {
  const number = sequence.next();
  sequence.use();
  return number;
}

test('bdSeq counts from 0 to 255 and begins again, over the end of the process', () => {
  const file = join(folder, 'store', 'bdSeq');
  const numbers: number[] = [];
  for (let run = 0; run < 60; run++) {
    const sequence = BirthDeathSequence.open(file);
    for (let connection = 0; connection < 5; connection++) numbers.push(connect(sequence));
  }
  assert.deepEqual(
    numbers,
    Array.from({ length: 300 }, (_, at) => at % 256),
  );
});

test('an attempt that reached nobody takes no number', () => {
  const sequence = BirthDeathSequence.open(null);
  assert.deepEqual([sequence.next(), sequence.next(), connect(sequence), sequence.next()], [0, 0, 0, 1]);
});

test('a file that holds something else, and a folder that cannot be written: it counts all the same, and says so', () => {
  const file = join(folder, 'damaged');
  writeFileSync(file, 'seven\n');
  assert.equal(connect(BirthDeathSequence.open(file)), 0);
  assert.equal(connect(BirthDeathSequence.open(file)), 1);
  mkdirSync(join(folder, 'folder'));
  const sequence = BirthDeathSequence.open(join(folder, 'folder'));
  assert.deepEqual([connect(sequence), connect(sequence)], [0, 1]);
  assert.match(sequence.fault ?? '', /bdSeq may repeat after a restart/);
});
