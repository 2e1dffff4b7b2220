import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeCommand, encodePayload, type Metric } from '../../../src/publish/sparkplug/payload.js';
import { type DecodedDataSet, decodePayload, encodeCommand } from './support/decode.js';

const NOW = 1_767_225_600_123;

function decoded(metric: Partial<Metric> & Pick<Metric, 'type' | 'value'>) {
  const whole: Metric = { name: 'm', timestamp: NOW, isTyped: true, ...metric };
  return decodePayload(Buffer.from(encodePayload(NOW, [whole], 7))).metrics[0]!;
}

test('a payload holds its time, its sequence number and nothing that is not asked for', () => {
  const whole = decodePayload(Buffer.from(encodePayload(NOW, [], 255)));
  assert.deepEqual(whole, { timestamp: NOW, seq: 255, metrics: [], unknown: [] });
  assert.equal(decodePayload(Buffer.from(encodePayload(NOW, [], null))).seq, null);
  // 0 is a number as any other, and is sent.
  assert.equal(decodePayload(Buffer.from(encodePayload(NOW, [], 0))).seq, 0);
  const { name, alias, datatype, properties } = decoded({ type: 'Double', value: 1, alias: 9, isTyped: false });
  assert.deepEqual([name, alias, datatype, properties], ['m', 9, null, null]);
});

test('every type of value, its limits, and null', () => {
  for (const [type, value, datatype, field, read] of [
    ['Int32', -1, 3, 'int', 0xffff_ffff],
    ['Int32', 2 ** 31 - 1, 3, 'int', 2 ** 31 - 1],
    ['Int64', 2 ** 53 - 1, 4, 'long', 2n ** 53n - 1n],
    ['Int64', 0, 4, 'long', 0n],
    ['Double', -1.5e-300, 10, 'double', -1.5e-300],
    ['Boolean', false, 11, 'boolean', false],
    ['String', 'Prüfung ✓', 12, 'string', 'Prüfung ✓'],
    ['String', '', 12, 'string', ''],
    ['DateTime', NOW, 13, 'long', BigInt(NOW)],
  ] as const) {
    const metric = decoded({ type, value });
    assert.deepEqual([metric.datatype, metric.field, metric.value, metric.isNull], [datatype, field, read, false]);
  }
  const none = decoded({ type: 'Double', value: null });
  assert.deepEqual([none.field, none.isNull, none.datatype], [null, true, 10]);
});

test('history is marked, and only history', () => {
  assert.equal(decoded({ type: 'Double', value: 1, isHistorical: true }).isHistorical, true);
  assert.equal(decoded({ type: 'Double', value: 1 }).isHistorical, false);
});

test('a data set has columns, types and rows; what a row lacks has no value', () => {
  const columns = [
    { name: 'X', type: 'Int32' },
    { name: 'Peak', type: 'Double' },
    { name: 'Kind', type: 'String' },
  ] as const;
  const rows = [
    [3, 0.5, 'context'],
    [0, null, ''],
  ];
  const set = decoded({ type: 'DataSet', value: rows, columns }).value as DecodedDataSet;
  assert.deepEqual([set.numOfColumns, set.columns, set.types], [3, ['X', 'Peak', 'Kind'], [3, 10, 12]]);
  assert.deepEqual(
    set.rows.map((row) => row.map(({ field, value }) => [field, value])),
    [
      [
        ['int', 3],
        ['double', 0.5],
        ['string', 'context'],
      ],
      [
        ['int', 0],
        [null, null],
        ['string', ''],
      ],
    ],
  );
  const empty = decoded({ type: 'DataSet', value: [], columns }).value as DecodedDataSet;
  assert.deepEqual([empty.types.length, empty.rows], [3, []]);
});

test('properties are keys and values of the same number', () => {
  const properties = {
    engUnit: { type: 'String', value: 'ms' },
    engLow: { type: 'Double', value: 0 },
    readOnly: { type: 'Boolean', value: true },
  } as const;
  assert.deepEqual(decoded({ type: 'Double', value: 1, properties }).properties, {
    keys: ['engUnit', 'engLow', 'readOnly'],
    values: [
      { type: 12, field: 'string', value: 'ms' },
      { type: 10, field: 'double', value: 0 },
      { type: 11, field: 'boolean', value: true },
    ],
  });
});

test('commands are read by name or alias; bytes that are none are named as such', () => {
  const bytes = encodeCommand(NOW, [
    { name: 'Node Control/Rebirth', value: true },
    { alias: 300, value: 4.25 },
    { alias: 7, value: 'bracket@4' },
  ]);
  assert.deepEqual(decodeCommand(bytes), {
    metrics: [
      { name: 'Node Control/Rebirth', alias: null, value: true },
      { name: null, alias: 300, value: 4.25 },
      { name: null, alias: 7, value: 'bracket@4' },
    ],
  });
  assert.deepEqual(decodeCommand(new Uint8Array(0)), { metrics: [] });
  for (const text of ['REBIRTH', '{"metrics":[]}', '\x12\xff']) {
    const command = decodeCommand(Buffer.from(text, 'latin1'));
    assert.ok('fault' in command && command.fault !== '', text);
  }
});

test('whatever bytes come as a command, there is an answer', () => {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  };
  const whole = encodeCommand(NOW, [{ name: 'Node Control/Rebirth', value: true }]);
  const outcomes = { metrics: 0, fault: 0 };
  for (let round = 0; round < 100_000; round++) {
    // Half of them are commands with a few bytes changed or cut off.
    const bytes = round % 2 ? Buffer.from(whole) : Buffer.alloc(random(), 0);
    if (round % 2) for (let changes = 0; changes < 3; changes++) bytes[random() % bytes.length] = random();
    else for (let at = 0; at < bytes.length; at++) bytes[at] = random();
    const command = decodeCommand(bytes.subarray(0, bytes.length - (random() % 4)));
    outcomes['fault' in command ? 'fault' : 'metrics']++;
  }
  assert.ok(outcomes.fault > 1_000 && outcomes.metrics > 1_000, JSON.stringify(outcomes));
  // Groups within groups, as deep as the largest message that is read.
  assert.ok('fault' in decodeCommand(Buffer.alloc(64 * 1024, 0x3b)));
});
