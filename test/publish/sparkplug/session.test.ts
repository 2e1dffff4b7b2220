import assert from 'node:assert/strict';
import { before } from 'node:test';
import type { IPublishPacket } from 'mqtt-packet';
import { withoutMosquitto } from '../support/mosquitto.js';
import { decodePayload } from './support/decode.js';
import { EDGE, GROUP } from './support/edge.js';
import { DATA, every, holds, metric, type Published, published } from './support/requirements.js';
import { type Life, liveWholeLife } from './support/scenario.js';

// Chapters 2 and 5 of the specification: how sessions begin, go on and end, with either version of MQTT.

let lives: Life[] = [];
before(async () => {
  if (withoutMosquitto) return;
  lives = [await liveWholeLife(5), await liveWholeLife(4)];
});

/** A test for each id that looks at both lives. */
function inBoth(ids: Parameters<typeof holds>[0], look: (life: Life) => void): void {
  holds(ids, () => {
    assert.equal(lives.length, 2);
    for (const life of lives) look(life);
  });
}

const packetOf = ({ packet }: Published) => packet as IPublishPacket;

function wills({ tap }: Life) {
  const connects = tap.of('connect');
  assert.equal(connects.length, 3);
  return connects.map(({ packet }) => {
    assert.ok(packet.will, 'CONNECT without a will');
    return { ...packet.will, decoded: decodePayload(packet.will.payload as Buffer) };
  });
}

inBoth(['tck-id-principles-rbe-recommended'], (life) => {
  // In "no host" and "other host" parts are inspected; in "old death" there is one, and nothing else is sent.
  const live = published(life, DATA).filter(({ payload }) => payload.metrics.some(({ isHistorical }) => !isHistorical));
  assert.equal(live.filter(({ phase }) => phase === 'old death').length, 1);
});

inBoth(['tck-id-principles-birth-certificates-order'], ({ tap }) => {
  for (const connection of [0, 1, 2]) {
    assert.equal(tap.published().find((one) => one.connection === connection)?.verb, 'NBIRTH');
  }
});

holds(['tck-id-principles-persistence-clean-session-50'], () => {
  for (const { packet } of lives[0]?.tap.of('connect') ?? []) {
    assert.deepEqual([packet.protocolVersion, packet.clean], [5, true]);
    assert.equal(packet.properties?.sessionExpiryInterval ?? 0, 0);
  }
});

holds(['tck-id-principles-persistence-clean-session-311'], () => {
  for (const { packet } of lives[1]?.tap.of('connect') ?? []) {
    assert.deepEqual([packet.protocolVersion, packet.clean], [4, true]);
  }
});

inBoth(['tck-id-message-flow-edge-node-ncmd-subscribe', 'tck-id-message-flow-device-dcmd-subscribe'], ({ tap }) => {
  for (const connection of [0, 1, 2]) {
    const sent = tap.sent.filter((one) => one.connection === connection);
    const at = sent.findIndex(({ packet }) => packet.cmd === 'subscribe');
    assert.ok(at > 0 && at < sent.findIndex(({ verb }) => verb === 'NBIRTH'));
    const { packet } = tap.of('subscribe')[connection]!;
    const filters = new Map(packet.subscriptions.map(({ topic, qos }) => [topic, qos]));
    for (const end of [`NCMD/${EDGE}`, `DCMD/${EDGE}/top`, `DCMD/${EDGE}/side`]) {
      assert.equal(filters.get(`spBv1.0/${GROUP}/${end}`), 1);
    }
  }
});

inBoth(['tck-id-operational-behavior-primary-application-state-with-multiple-servers-state-subs'], ({ tap }) => {
  for (const { packet } of tap.of('subscribe')) {
    assert.equal(packet.subscriptions.find(({ topic }) => topic === 'spBv1.0/STATE/scada')?.qos, 1);
  }
});

inBoth(['tck-id-message-flow-edge-node-birth-publish-connect'], ({ tap }) => {
  for (const connection of [0, 1, 2]) {
    const sent = tap.sent.filter((one) => one.connection === connection);
    assert.equal(sent[0]?.packet.cmd, 'connect');
  }
});

inBoth(['tck-id-message-flow-edge-node-birth-publish-will-message', 'tck-id-payloads-ndeath-will-message'], (life) => {
  assert.equal(wills(life).length, 3);
});
inBoth(['tck-id-message-flow-edge-node-birth-publish-will-message-topic'], (life) => {
  for (const { topic } of wills(life)) assert.equal(topic, `spBv1.0/${GROUP}/NDEATH/${EDGE}`);
});
inBoth(['tck-id-message-flow-edge-node-birth-publish-will-message-payload'], (life) => {
  for (const { decoded } of wills(life)) assert.deepEqual([decoded.unknown, decoded.metrics.length], [[], 1]);
});
inBoth(['tck-id-message-flow-edge-node-birth-publish-will-message-payload-bdSeq'], (life) => {
  const metrics = wills(life).map(({ decoded }) => decoded.metrics[0]);
  assert.deepEqual(
    metrics.map((one) => [one?.name, one?.datatype, one?.value]),
    [0n, 1n, 2n].map((bdSeq) => ['bdSeq', 4, bdSeq]),
  );
});
inBoth(
  ['tck-id-message-flow-edge-node-birth-publish-will-message-qos', 'tck-id-payloads-ndeath-will-message-qos'],
  (life) => {
    for (const { qos } of wills(life)) assert.equal(qos, 1);
  },
);
inBoth(
  [
    'tck-id-message-flow-edge-node-birth-publish-will-message-will-retained',
    'tck-id-payloads-ndeath-will-message-retain',
  ],
  (life) => {
    for (const { retain } of wills(life)) assert.equal(retain ?? false, false);
  },
);

inBoth(
  [
    'tck-id-message-flow-edge-node-birth-publish-phid-wait',
    'tck-id-message-flow-edge-node-birth-publish-phid-wait-online',
    'tck-id-operational-behavior-edge-node-birth-sequence-wait',
  ],
  ({ tap }) => {
    assert.equal(tap.published().filter(({ phase }) => phase === 'no host').length, 0);
    // After the host has gone: one NDEATH, on the connection that it was at, and nothing on the next one.
    const later = tap.published().filter(({ phase }) => phase === 'host offline');
    assert.deepEqual(later.map(({ verb, connection }) => [verb, connection]).at(-1), ['NDEATH', 0]);
    assert.equal(tap.published().find(({ connection }) => connection === 1)?.phase, 'host back');
  },
);
inBoth(['tck-id-message-flow-edge-node-birth-publish-phid-wait-id'], ({ tap }) => {
  assert.equal(tap.published().filter(({ phase }) => phase === 'other host').length, 0);
});
inBoth(
  [
    'tck-id-message-flow-edge-node-birth-publish-phid-wait-timestamp',
    'tck-id-operational-behavior-edge-node-termination-host-offline-timestamp',
  ],
  ({ tap }) => {
    const phase = tap.sent.filter((one) => one.phase === 'old death');
    assert.ok(phase.some(({ verb }) => verb === 'DDATA'));
    assert.ok(phase.every(({ packet, connection }) => packet.cmd !== 'disconnect' && connection === 0));
  },
);
inBoth(
  [
    'tck-id-message-flow-edge-node-birth-publish-phid-offline',
    'tck-id-operational-behavior-edge-node-termination-host-offline',
    'tck-id-operational-behavior-edge-node-intentional-disconnect-ndeath',
    'tck-id-payloads-ndeath-will-message-publisher',
  ],
  ({ tap }) => {
    for (const [phase, connection] of [
      ['host offline', 0],
      ['stop', 2],
    ] as const) {
      const ends = tap.sent.filter((one) => one.phase === phase && one.connection === connection);
      const death = ends.findIndex(({ verb }) => verb === 'NDEATH');
      assert.equal(ends.at(-1)?.packet.cmd, 'disconnect');
      assert.ok(death >= 0 && ends.slice(death + 1).every(({ verb }) => verb === null), 'NDEATH comes last');
    }
    assert.equal(tap.of('connect')[1]?.phase, 'host offline');
  },
);
inBoth(['tck-id-operational-behavior-edge-node-intentional-disconnect-packet'], ({ tap }) => {
  assert.equal(tap.of('disconnect').length, 2);
});
holds(['tck-id-payloads-ndeath-will-message-publisher-disconnect-mqtt50'], () => {
  const ends = lives[0]?.tap.of('disconnect') ?? [];
  assert.deepEqual(
    ends.map(({ packet }) => packet.reasonCode),
    [4, 4],
  );
});
holds(['tck-id-payloads-ndeath-will-message-publisher-disconnect-mqtt311'], () => {
  const sent = lives[1]?.tap.sent ?? [];
  const ends = sent.flatMap(({ packet }, at) => (packet.cmd === 'disconnect' ? [at] : []));
  assert.equal(ends.length, 2);
  for (const at of ends) {
    const before = sent.slice(0, at).filter(({ packet }) => packet.cmd === 'publish');
    assert.equal(before.at(-1)?.verb, 'NDEATH');
  }
});

for (const [id, verb] of [
  ['tck-id-message-flow-edge-node-birth-publish-nbirth-topic', 'NBIRTH'],
  ['tck-id-message-flow-device-birth-publish-dbirth-topic', 'DBIRTH'],
] as const) {
  inBoth([id], (life) => {
    every(life.tap.published(verb), (one) => {
      const device = verb === 'DBIRTH' ? `/${one.device}` : '';
      assert.equal(packetOf(one).topic, `spBv1.0/${GROUP}/${verb}/${EDGE}${device}`);
    });
  });
}
for (const [id, verb] of [
  ['tck-id-message-flow-edge-node-birth-publish-nbirth-payload', 'NBIRTH'],
  ['tck-id-message-flow-device-birth-publish-dbirth-payload', 'DBIRTH'],
] as const) {
  inBoth([id], (life) => every(life.tap.published(verb), ({ payload }) => assert.deepEqual(payload.unknown, [])));
}
for (const [id, verb] of [
  ['tck-id-message-flow-edge-node-birth-publish-nbirth-qos', 'NBIRTH'],
  ['tck-id-message-flow-device-birth-publish-dbirth-qos', 'DBIRTH'],
] as const) {
  inBoth([id], (life) => every(life.tap.published(verb), (one) => assert.equal(packetOf(one).qos, 0)));
}
for (const [id, verb] of [
  ['tck-id-message-flow-edge-node-birth-publish-nbirth-retained', 'NBIRTH'],
  ['tck-id-message-flow-device-birth-publish-dbirth-retained', 'DBIRTH'],
] as const) {
  inBoth([id], (life) => every(life.tap.published(verb), (one) => assert.equal(packetOf(one).retain, false)));
}
for (const [id, verb] of [
  ['tck-id-message-flow-edge-node-birth-publish-nbirth-payload-seq', 'NBIRTH'],
  ['tck-id-message-flow-device-birth-publish-dbirth-payload-seq', 'DBIRTH'],
] as const) {
  inBoth([id], ({ tap, host }) => {
    every(tap.published(verb), ({ payload: { seq } }) => assert.ok(seq !== null && seq >= 0 && seq <= 255));
    assert.deepEqual(host.faults, []);
  });
}
inBoth(['tck-id-message-flow-edge-node-birth-publish-nbirth-payload-bdSeq'], (life) => {
  every(life.tap.published('NBIRTH'), (one) => {
    const { datatype, value } = metric(one, 'bdSeq');
    assert.deepEqual([datatype, value], [4, wills(life)[one.connection]?.decoded.metrics[0]?.value]);
  });
});
inBoth(
  [
    'tck-id-message-flow-device-birth-publish-nbirth-wait',
    'tck-id-message-flow-device-birth-publish-dbirth-match-edge-node-topic',
  ],
  ({ tap }) => {
    const born = new Set<string>();
    every(tap.published(), (one) => {
      const [, group, , edge] = packetOf(one).topic.split('/');
      if (one.verb === 'NBIRTH') born.add(`${one.connection} ${group} ${edge}`);
      if (one.verb === 'DBIRTH') assert.ok(born.has(`${one.connection} ${group} ${edge}`));
    });
  },
);
inBoth(['tck-id-operational-behavior-device-ddeath'], ({ tap, host }) => {
  const deaths = tap.published('DDEATH');
  assert.deepEqual(
    deaths.map(({ device, phase }) => [device, phase]),
    [['side', 'online']],
  );
  assert.equal(host.nodes.get(EDGE)?.devices.get('side')?.isOnline, false);
  const stale = [...host.tags].filter(([, { isStale }]) => isStale).length;
  assert.equal(stale, host.tags.size);
});
