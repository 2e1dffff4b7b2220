import assert from 'node:assert/strict';
import { before } from 'node:test';
import type { IPublishPacket } from 'mqtt-packet';
import { withoutMosquitto } from '../support/mosquitto.js';
import type { DecodedDataSet } from './support/decode.js';
import {
  assertSeqFollows,
  BIRTHS,
  DATA,
  every,
  holds,
  isRecent,
  metric,
  type Published,
  published,
} from './support/requirements.js';
import { type Life, liveWholeLife } from './support/scenario.js';

// Chapter 6 of the specification: what stands in the payloads.

let life: Life;
before(async () => {
  if (!withoutMosquitto) life = await liveWholeLife(5);
});

const all = (...verbs: string[]) => published(life, verbs);
const metricsOf = (verbs: readonly string[]) => {
  const metrics = published(life, verbs).flatMap(({ payload }) => payload.metrics);
  assert.ok(metrics.length > 0);
  return metrics;
};
const packetOf = ({ packet }: Published) => packet as IPublishPacket;

holds(['tck-id-payloads-timestamp-in-UTC'], () => {
  every(life.tap.published(), ({ payload }) => isRecent(payload.timestamp));
});
holds(['tck-id-payloads-metric-timestamp-in-UTC', 'tck-id-payloads-name-birth-data-requirement'], () => {
  for (const { timestamp } of metricsOf([...BIRTHS, ...DATA])) isRecent(timestamp);
});
holds(['tck-id-payloads-sequence-num-always-included'], () => {
  every(life.tap.published(), ({ verb, payload }) => assert.equal(payload.seq === null, verb === 'NDEATH'));
});
holds(
  ['tck-id-payloads-sequence-num-zero-nbirth', 'tck-id-payloads-sequence-num-req-nbirth', 'tck-id-payloads-nbirth-seq'],
  () => every(all('NBIRTH'), ({ payload: { seq } }) => assert.ok(seq !== null && seq >= 0 && seq <= 255)),
);
holds(['tck-id-payloads-sequence-num-incrementing'], () => {
  for (const verb of ['DBIRTH', 'NDATA', 'DDATA', 'DDEATH']) assertSeqFollows(life, verb);
  // It was more than 256 messages in one session, so that 0 came after 255.
  const seqs = all('DDATA', 'NDATA', 'DBIRTH', 'DDEATH').map(({ payload }) => payload.seq);
  assert.ok(seqs.some((seq, at) => seq === 0 && seqs[at - 1] === 255));
  assert.deepEqual(life.host.faults, []);
});

holds(['tck-id-payloads-name-requirement'], () => {
  for (const { name, alias } of metricsOf([...BIRTHS, ...DATA, 'NDEATH'])) assert.ok(name !== null || alias !== null);
});
holds(['tck-id-payloads-alias-uniqueness'], () => {
  const names = new Map<number, string>();
  every(all(...BIRTHS), ({ device, payload }) => {
    for (const { name, alias } of payload.metrics) {
      if (alias === null) continue;
      const full = `${device ?? ''}/${name}`;
      assert.equal(names.get(alias) ?? full, full);
      names.set(alias, full);
    }
  });
  assert.equal(new Set(names.values()).size, names.size);
});
holds(['tck-id-payloads-alias-birth-requirement'], () => {
  for (const { name, alias } of metricsOf(BIRTHS)) {
    assert.ok(name !== null);
    assert.equal(alias === null, name === 'bdSeq' || name === 'Node Control/Rebirth', name);
  }
});
holds(['tck-id-payloads-alias-data-cmd-requirement'], () => {
  for (const { name, alias } of metricsOf(DATA)) assert.ok(name === null && alias !== null);
});

/** §6.4.16 */
const VALID_TYPES = new Set(Array.from({ length: 34 }, (_, at) => at + 1));
const FIELDS: Readonly<Record<number, string>> = {
  3: 'int',
  4: 'long',
  10: 'double',
  11: 'boolean',
  12: 'string',
  13: 'long',
  16: 'dataset',
};

holds(['tck-id-payloads-metric-datatype-value-type', 'tck-id-payloads-metric-datatype-value'], () => {
  for (const { name, datatype, field } of metricsOf(BIRTHS)) {
    assert.ok(datatype !== null && VALID_TYPES.has(datatype), `${name}`);
    if (field !== null) assert.equal(field, FIELDS[datatype], `${name}`);
  }
});
holds(['tck-id-payloads-metric-datatype-req'], () => {
  for (const { datatype } of metricsOf(BIRTHS)) assert.notEqual(datatype, null);
});
holds(['tck-id-payloads-metric-datatype-not-req'], () => {
  for (const { datatype } of metricsOf(DATA)) assert.equal(datatype, null);
});

const properties = () =>
  metricsOf(BIRTHS).map(({ properties }) => {
    assert.ok(properties);
    return properties;
  });

holds(['tck-id-payloads-propertyset-keys-array-size', 'tck-id-payloads-propertyset-values-array-size'], () => {
  for (const { keys, values } of properties()) assert.ok(keys.length === values.length && keys.length > 0);
});
holds(
  [
    'tck-id-payloads-metric-propertyvalue-type-type',
    'tck-id-payloads-metric-propertyvalue-type-value',
    'tck-id-payloads-metric-propertyvalue-type-req',
  ],
  () => {
    for (const { values } of properties()) {
      for (const { type, field } of values) {
        assert.ok(type !== null && VALID_TYPES.has(type));
        assert.equal(field, FIELDS[type]);
      }
    }
    const units = new Map<string, unknown>();
    every(all('DBIRTH'), ({ payload }) => {
      for (const { name, properties } of payload.metrics) {
        const at = properties?.keys.indexOf('engUnit') ?? -1;
        if (at >= 0) units.set(name ?? '', properties?.values[at]?.value);
      }
    });
    assert.deepEqual([units.get('Part/Duration'), units.get('Rates/Rejects')], ['ms', '%']);
  },
);

const dataSets = () => {
  const sets = metricsOf([...BIRTHS, ...DATA])
    .filter(({ field }) => field === 'dataset')
    .map(({ value }) => value as DecodedDataSet);
  assert.ok(sets.some(({ rows }) => rows.length === 2));
  return sets;
};
holds(['tck-id-payloads-dataset-column-size'], () => {
  for (const { numOfColumns, columns } of dataSets()) assert.equal(numOfColumns, columns.length);
});
holds(['tck-id-payloads-dataset-column-num-headers', 'tck-id-payloads-dataset-types-num'], () => {
  for (const { types, columns } of dataSets()) assert.equal(types.length, columns.length);
});
holds(
  [
    'tck-id-payloads-dataset-types-def',
    'tck-id-payloads-dataset-types-type',
    'tck-id-payloads-dataset-types-value',
    'tck-id-payloads-dataset-parameter-type-req',
  ],
  () => {
    for (const { types } of dataSets()) {
      assert.ok(types.length > 0 && types.every((type) => type >= 1 && type <= 14), 'basic types only');
    }
  },
);
holds(['tck-id-payloads-template-dataset-value'], () => {
  for (const { rows, types } of dataSets()) {
    for (const row of rows) {
      assert.deepEqual(
        row.map(({ field }) => field),
        types.map((type) => FIELDS[type]),
      );
    }
  }
});

holds(['tck-id-payloads-nbirth-edge-node-descriptor'], () => {
  const own = `spBv1.0/ulm-press-3/NBIRTH/edge-1`;
  every(all('NBIRTH'), (one) => assert.equal(packetOf(one).topic, own));
});
holds(['tck-id-payloads-nbirth-bdseq', 'tck-id-payloads-nbirth-bdseq-repeat', 'tck-id-payloads-ndeath-bdseq'], () => {
  const connects = life.tap.of('connect');
  every(all('NBIRTH', 'NDEATH'), (one) => {
    assert.equal(metric(one, 'bdSeq').value, BigInt(one.connection));
    assert.equal(connects[one.connection]?.packet.will?.topic, 'spBv1.0/ulm-press-3/NDEATH/edge-1');
  });
});
holds(['tck-id-payloads-nbirth-rebirth-req'], () => {
  every(all('NBIRTH'), (one) => assert.equal(metric(one, 'Node Control/Rebirth').value, false));
});
holds(['tck-id-payloads-ndeath-seq'], () => every(all('NDEATH'), ({ payload }) => assert.equal(payload.seq, null)));

for (const [id, verb] of [
  ['tck-id-payloads-nbirth-timestamp', 'NBIRTH'],
  ['tck-id-payloads-dbirth-timestamp', 'DBIRTH'],
  ['tck-id-payloads-ndata-timestamp', 'NDATA'],
  ['tck-id-payloads-ddata-timestamp', 'DDATA'],
  ['tck-id-payloads-ddeath-timestamp', 'DDEATH'],
] as const) {
  holds([id], () => every(all(verb), ({ payload }) => isRecent(payload.timestamp)));
}
for (const [id, verb] of [
  ['tck-id-payloads-dbirth-seq', 'DBIRTH'],
  ['tck-id-payloads-ndata-seq', 'NDATA'],
  ['tck-id-payloads-ddata-seq', 'DDATA'],
  ['tck-id-payloads-ddeath-seq', 'DDEATH'],
] as const) {
  holds([id], () => every(all(verb), ({ payload }) => assert.notEqual(payload.seq, null)));
}
for (const [id, verb] of [
  ['tck-id-payloads-dbirth-seq-inc', 'DBIRTH'],
  ['tck-id-payloads-ndata-seq-inc', 'NDATA'],
  ['tck-id-payloads-ddata-seq-inc', 'DDATA'],
  ['tck-id-payloads-ddeath-seq-inc', 'DDEATH'],
] as const) {
  holds([id], () => assertSeqFollows(life, verb));
}
for (const [id, verb] of [
  ['tck-id-payloads-nbirth-qos', 'NBIRTH'],
  ['tck-id-payloads-dbirth-qos', 'DBIRTH'],
  ['tck-id-payloads-ndata-qos', 'NDATA'],
  ['tck-id-payloads-ddata-qos', 'DDATA'],
] as const) {
  holds([id], () => every(all(verb), (one) => assert.equal(packetOf(one).qos, 0)));
}
for (const [id, verb] of [
  ['tck-id-payloads-nbirth-retain', 'NBIRTH'],
  ['tck-id-payloads-dbirth-retain', 'DBIRTH'],
  ['tck-id-payloads-ndata-retain', 'NDATA'],
  ['tck-id-payloads-ddata-retain', 'DDATA'],
] as const) {
  holds([id], () => every(all(verb), (one) => assert.equal(packetOf(one).retain, false)));
}
holds(['tck-id-payloads-ddeath-seq-number'], () => {
  every(all('DDEATH'), ({ payload }) => assert.ok(payload.seq !== null && payload.metrics.length === 0));
});

holds(['tck-id-payloads-dbirth-order', 'tck-id-payloads-ndata-order', 'tck-id-payloads-ddata-order'], () => {
  const messages = life.tap.published();
  const births = messages.flatMap(({ verb }, at) => (verb === 'NBIRTH' ? [at] : []));
  assert.equal(births.length, 4);
  for (const at of births) {
    assert.deepEqual(
      messages.slice(at + 1, at + 3).map(({ verb, device }) => [verb, device]),
      [
        ['DBIRTH', 'top'],
        ['DBIRTH', 'side'],
      ],
    );
  }
});
