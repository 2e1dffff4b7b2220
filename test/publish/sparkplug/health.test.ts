import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox } from '../../../src/publish/outbox/outbox.js';
import { SessionRecord } from '../../../src/publish/sparkplug/session-record.js';
import { startMosquitto, withoutMosquitto } from '../support/mosquitto.js';
import { EDGE, edgeNode, GROUP, part, reach, startStations } from './support/edge.js';
import { SparkplugHost } from './support/host.js';

test('health says that the node waits for its host and how much waits with it, and which session it is in then', {
  skip: withoutMosquitto,
}, async () => {
  const broker = await startMosquitto();
  const node = edgeNode(broker.url, { primaryHost: 'scada' });
  assert.deepEqual([node.health.state, node.health.broker, node.health.births], ['stopped', null, 0]);
  node.start();
  startStations(node);
  await reach(node, 'waiting');
  for (let number = 0; number < 3; number++) node.publishInspection(part(number));
  const waiting = node.health;
  assert.deepEqual([waiting.primaryHost, waiting.bdSeq, waiting.births, waiting.reason], ['scada', null, 0, null]);
  assert.ok(waiting.waiting >= 3, JSON.stringify(waiting));

  const host = new SparkplugHost(broker.url, GROUP, 'scada');
  await host.goOnline();
  await host.until('the parts', () => host.tag(`${EDGE}/top/Part/Number`)?.value === 2n);
  await host.rebirth(EDGE);
  await host.until('another birth', () => host.of('NBIRTH').length === 2);
  const online = node.health;
  assert.deepEqual([online.state, online.births, online.dropped, online.alarm], ['online', 2, 0, null]);
  assert.equal(typeof online.bdSeq, 'number');
  assert.ok(online.since.monotonicMs >= waiting.since.monotonicMs);
});

test('attempts in vain are one time offline, which begins with the first', () => {
  const record = new SessionRecord();
  const health = () => record.health(null, new Outbox().counters(), null);
  const offline = { state: 'offline', broker: 'b', reason: 'gone', error: null, retryInMs: 1 } as const;
  record.follow({ state: 'online', broker: 'b', bdSeq: 3 });
  const { since: online } = health();
  record.follow(offline);
  const { since, reason } = health();
  assert.ok(since.monotonicMs >= online.monotonicMs);
  assert.equal(reason, 'gone');
  record.follow({ state: 'connecting', broker: 'b' });
  record.follow(offline);
  assert.deepEqual(health().since, since);
  record.follow({ state: 'waiting', broker: 'b', primaryHost: 'h' });
  assert.notDeepEqual(health().since, since);
});
