import assert from 'node:assert/strict';
import { before } from 'node:test';
import type { IPublishPacket } from 'mqtt-packet';
import { SparkplugTopics, stateTopic } from '../../../src/publish/sparkplug/topics.js';
import { withoutMosquitto } from '../support/mosquitto.js';
import { EDGE, edgeNode, GROUP } from './support/edge.js';
import {
  assertSeqFollows,
  dataWithBirth,
  every,
  holds,
  isRecent,
  metric,
  type Published,
} from './support/requirements.js';
import { type Life, liveWholeLife } from './support/scenario.js';

// Chapters 1 and 4 of the specification: identifiers, topics, and what each message holds.

let life: Life;
before(async () => {
  if (!withoutMosquitto) life = await liveWholeLife(5);
});

const packetOf = ({ packet }: Published) => packet as IPublishPacket;
const all = (verb: string) => life.tap.published(verb);

function refused(make: (id: string) => unknown): void {
  for (const id of ['a+b', 'a/b', 'a#b', '+', '#', '', 'a\u0000b', '\ud800']) {
    assert.throws(() => make(id), { code: 'SG_CONFIG_INVALID' }, JSON.stringify(id));
  }
  for (const id of ['Ulm', 'Press 3', 'Prüfstation', '検査']) make(id);
}

holds(
  ['tck-id-intro-group-id-string', 'tck-id-intro-group-id-chars', 'tck-id-topic-structure-namespace-valid-group-id'],
  () => {
    refused((id) => new SparkplugTopics(id, 'edge').node('NBIRTH'));
    every(life.tap.published(), (one) => assert.equal(packetOf(one).topic.split('/')[1], GROUP));
  },
);

holds(
  [
    'tck-id-intro-edge-node-id-string',
    'tck-id-intro-edge-node-id-chars',
    'tck-id-topic-structure-namespace-valid-edge-node-id',
  ],
  () => {
    refused((id) => new SparkplugTopics('group', id).node('NBIRTH'));
    every(life.tap.published(), (one) => assert.equal(packetOf(one).topic.split('/')[3], EDGE));
  },
);

holds(
  ['tck-id-intro-device-id-string', 'tck-id-intro-device-id-chars', 'tck-id-topic-structure-namespace-valid-device-id'],
  () => {
    refused((id) => new SparkplugTopics('group', 'edge').device('DBIRTH', id));
    every(all('DBIRTH'), ({ device }) => assert.ok(device === 'top' || device === 'side'));
  },
);

holds(['tck-id-topic-structure', 'tck-id-topic-structure-namespace-a'], () => {
  every(life.tap.published(), (one) => {
    assert.match(packetOf(one).topic, /^spBv1\.0\/ulm-press-3\/[ND](BIRTH|DEATH|DATA)\/edge-1(\/(top|side))?$/);
  });
  assert.equal(stateTopic('scada'), 'spBv1.0/STATE/scada');
});

holds(['tck-id-topic-structure-namespace-unique-device-id'], () => {
  const twice = [
    { name: 'top', regions: [] },
    { name: 'top', regions: [] },
  ];
  assert.throws(() => edgeNode('mqtt://127.0.0.1:1', { stations: twice }), { code: 'SG_CONFIG_INVALID' });
});

holds(['tck-id-topic-structure-namespace-duplicate-device-id-across-edge-node'], () => {
  const [one, other] = ['edge-1', 'edge-2'].map((id) => new SparkplugTopics(GROUP, id).device('DDATA', 'top'));
  assert.notEqual(one, other);
});

holds(['tck-id-topic-structure-namespace-device-id-associated-message-types'], () => {
  for (const verb of ['DBIRTH', 'DDATA', 'DDEATH']) every(all(verb), ({ device }) => assert.ok(device));
  const filters = life.tap.of('subscribe').flatMap(({ packet }) => packet.subscriptions.map(({ topic }) => topic));
  for (const filter of filters.filter((one) => one.includes('/DCMD/'))) assert.equal(filter.split('/').length, 5);
});

holds(['tck-id-topic-structure-namespace-device-id-non-associated-message-types'], () => {
  for (const verb of ['NBIRTH', 'NDATA', 'NDEATH']) every(all(verb), ({ device }) => assert.equal(device, null));
});

holds(['tck-id-topics-ncmd-topic', 'tck-id-topics-dcmd-topic'], () => {
  const subscriptions = life.tap.of('subscribe');
  assert.equal(subscriptions.length, 3);
  for (const { packet } of subscriptions) {
    assert.deepEqual(
      packet.subscriptions.map(({ topic }) => topic),
      ['NCMD/edge-1', 'DCMD/edge-1/top', 'DCMD/edge-1/side']
        .map((end) => `spBv1.0/${GROUP}/${end}`)
        .concat('spBv1.0/STATE/scada'),
    );
  }
});

for (const [id, verb] of [
  ['tck-id-topics-nbirth-topic', 'NBIRTH'],
  ['tck-id-topics-ndata-topic', 'NDATA'],
  ['tck-id-topics-ndeath-topic', 'NDEATH'],
  ['tck-id-topics-dbirth-topic', 'DBIRTH'],
  ['tck-id-topics-ddata-topic', 'DDATA'],
  ['tck-id-topics-ddeath-topic', 'DDEATH'],
] as const) {
  holds([id], () => {
    every(all(verb), (one) => {
      const expected = `spBv1.0/${GROUP}/${verb}/${EDGE}${one.device === null ? '' : `/${one.device}`}`;
      assert.equal(packetOf(one).topic, expected);
    });
  });
}

for (const [id, verb] of [
  ['tck-id-topics-nbirth-mqtt', 'NBIRTH'],
  ['tck-id-topics-ndata-mqtt', 'NDATA'],
  ['tck-id-topics-dbirth-mqtt', 'DBIRTH'],
  ['tck-id-topics-ddata-mqtt', 'DDATA'],
  ['tck-id-topics-ddeath-mqtt', 'DDEATH'],
] as const) {
  holds([id], () => {
    every(all(verb), (one) => assert.deepEqual([packetOf(one).qos, packetOf(one).retain], [0, false]));
  });
}

for (const [id, verb] of [
  ['tck-id-topics-ndata-seq-num', 'NDATA'],
  ['tck-id-topics-dbirth-seq', 'DBIRTH'],
  ['tck-id-topics-ddata-seq-num', 'DDATA'],
  ['tck-id-topics-ddeath-seq-num', 'DDEATH'],
] as const) {
  holds([id], () => assertSeqFollows(life, verb));
}

for (const [id, verb] of [
  ['tck-id-topics-nbirth-timestamp', 'NBIRTH'],
  ['tck-id-topics-ndata-timestamp', 'NDATA'],
  ['tck-id-topics-dbirth-timestamp', 'DBIRTH'],
  ['tck-id-topics-ddata-timestamp', 'DDATA'],
] as const) {
  holds([id], () => every(all(verb), ({ payload }) => isRecent(payload.timestamp)));
}

holds(['tck-id-topics-nbirth-seq-num'], () => every(all('NBIRTH'), ({ payload }) => assert.equal(payload.seq, 0)));

holds(['tck-id-topics-nbirth-metrics', 'tck-id-topics-dbirth-metrics'], () => {
  every([...all('NBIRTH'), ...all('DBIRTH')], ({ payload }) => {
    for (const { name, datatype, field, isNull } of payload.metrics) {
      assert.ok(name !== null && datatype !== null && (field !== null) !== isNull, `${name}`);
    }
  });
});

holds(['tck-id-topics-nbirth-metric-reqs', 'tck-id-topics-dbirth-metric-reqs'], () => {
  let looked = 0;
  for (const { message, announced } of dataWithBirth(life)) {
    for (const { alias } of message.payload.metrics) assert.ok(announced.has(alias ?? -2));
    looked++;
  }
  assert.ok(looked > 300);
});

holds(['tck-id-topics-nbirth-bdseq-included'], () => {
  every(all('NBIRTH'), (one) => assert.equal(metric(one, 'bdSeq').field, 'long'));
});

holds(['tck-id-topics-nbirth-bdseq-matching', 'tck-id-topics-nbirth-bdseq-increment'], () => {
  const connects = life.tap.of('connect');
  assert.deepEqual(
    connects.map(({ connection }) => connection),
    [0, 1, 2],
  );
  every(all('NBIRTH'), (one) => {
    // The first CONNECT of a new device has 0, each later one more; the same in every birth of the connection.
    assert.equal(metric(one, 'bdSeq').value, BigInt(one.connection));
  });
});

holds(['tck-id-topics-nbirth-rebirth-metric'], () => {
  every(all('NBIRTH'), (one) => {
    const { datatype, value } = metric(one, 'Node Control/Rebirth');
    assert.deepEqual([datatype, value], [11, false]);
  });
});

holds(['tck-id-topics-ndata-payload', 'tck-id-topics-ddata-payload'], () => {
  const known = new Map<string, string>();
  const text = (value: unknown) => JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? `${one}n` : one));
  let changes = 0;
  for (const message of life.tap.published()) {
    for (const { alias, value, isHistorical } of message.payload.metrics) {
      if (alias === null || isHistorical) continue;
      if (message.verb.endsWith('DATA')) {
        changes++;
        // Only what has changed is sent …
        assert.notEqual(known.get(`${alias}`), text(value), `alias ${alias} has not changed`);
      }
      known.set(`${alias}`, text(value));
    }
  }
  assert.ok(changes > 300);
  // … and everything that has: the host knows what the stations said last.
  for (const [name, value] of [
    ['Part/Verdict', 'pass'],
    ['Part/Number', 317n],
    ['Regions/face/Score', 1.17],
    ['Counts/Total', 168n],
    ['Counts/Fail', 56n],
  ] as const) {
    const tag = life.host.tag(`${EDGE}/top/${name}`);
    assert.equal(tag?.value, value, name);
  }
});

holds(['tck-id-topics-ndeath-payload'], () => {
  every(all('NDEATH'), ({ payload }) => {
    assert.deepEqual(
      payload.metrics.map(({ name }) => name),
      ['bdSeq'],
    );
  });
});
holds(['tck-id-topics-ndeath-seq'], () => every(all('NDEATH'), ({ payload }) => assert.equal(payload.seq, null)));
