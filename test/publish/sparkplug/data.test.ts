import assert from 'node:assert/strict';
import { before } from 'node:test';
import { withoutMosquitto } from '../support/mosquitto.js';
import { BIRTHS, DATA, dataWithBirth, every, holds, isRecent, metric, published } from './support/requirements.js';
import { type Life, liveWholeLife } from './support/scenario.js';

// §5.16 and §5.17 of the specification: data by exception, and rebirths.

let life: Life;
before(async () => {
  if (!withoutMosquitto) life = await liveWholeLife(4);
});

holds(['tck-id-operational-behavior-data-publish-nbirth', 'tck-id-operational-behavior-data-publish-dbirth'], () => {
  for (const { message, announced } of dataWithBirth(life)) {
    assert.ok(message.payload.metrics.every(({ alias }) => announced.has(alias ?? -2)));
  }
});
holds(
  ['tck-id-operational-behavior-data-publish-nbirth-values', 'tck-id-operational-behavior-data-publish-dbirth-values'],
  () => {
    every(published(life, BIRTHS), ({ payload }) => {
      for (const { isNull, field } of payload.metrics) assert.equal(field === null, isNull);
    });
  },
);
holds(['tck-id-operational-behavior-data-publish-nbirth-change'], () => {
  assert.equal(life.tap.published('NDATA').length, 1);
});
holds(['tck-id-operational-behavior-data-publish-dbirth-change'], () => {
  every(life.tap.published('DDATA'), ({ payload }) => assert.ok(payload.metrics.length > 0));
});
holds(
  ['tck-id-operational-behavior-data-publish-nbirth-order', 'tck-id-operational-behavior-data-publish-dbirth-order'],
  () => {
    every(published(life, [...BIRTHS, ...DATA]), ({ payload }) => {
      const times = payload.metrics.filter(({ isHistorical }) => !isHistorical).map(({ timestamp }) => timestamp ?? 0);
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      );
      for (const time of times) isRecent(time);
    });
  },
);

holds(
  [
    'tck-id-operational-behavior-data-commands-rebirth-name',
    'tck-id-operational-behavior-data-commands-rebirth-name-aliases',
    'tck-id-operational-behavior-data-commands-rebirth-datatype',
    'tck-id-operational-behavior-data-commands-rebirth-value',
  ],
  () => {
    every(life.tap.published('NBIRTH'), (one) => {
      const { alias, datatype, value } = metric(one, 'Node Control/Rebirth');
      assert.deepEqual([alias, datatype, value], [null, 11, false]);
    });
  },
);
holds(
  [
    'tck-id-operational-behavior-data-commands-rebirth-action-1',
    'tck-id-operational-behavior-data-commands-rebirth-action-2',
    'tck-id-operational-behavior-data-commands-rebirth-action-3',
  ],
  () => {
    const phase = life.tap.published().filter(({ phase }) => phase === 'rebirth');
    assert.deepEqual(
      phase.slice(0, 3).map(({ verb, device }) => [verb, device]),
      [
        ['NBIRTH', null],
        ['DBIRTH', 'top'],
        ['DBIRTH', 'side'],
      ],
    );
    assert.equal(metric(phase[0]!, 'bdSeq').value, 0n);
    assert.equal(phase.filter(({ verb }) => verb === 'NDEATH').length, 0);
    assert.deepEqual(life.host.faults, []);
  },
);
