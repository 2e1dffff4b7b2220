import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from 'mqtt';
import type { InspectionMessage } from '../../src/publish/messages.js';
import { closeAtTheEnd } from '../publish/support/leftovers.js';
import { startMosquitto, withoutMosquitto } from '../publish/support/mosquitto.js';
import { Subscriber } from '../publish/support/subscriber.js';
import { Daemon } from '../support/daemon.js';
import { startPostgresql, withoutPostgresql } from './postgresql.js';
import { Example, PYTHON, recorded } from './support.js';

const skip = withoutMosquitto || withoutPostgresql;

test('every verdict of a device is in the database, once, with its score', { skip }, async () => {
  const broker = await startMosquitto();
  const server = startPostgresql();
  const example = new Example(
    'postgresql/sink.py',
    ['--port', `${broker.port}`, '--database', server.database],
    PYTHON,
  );
  const subscriber = await Subscriber.open(broker.url);
  const camera = { type: 'simulated', partsPerSecond: 8, defectShare: 0.5, seed: 5 };
  const daemon = await Daemon.start([{ name: 'top', camera, deadlineMs: 10_000 }], { url: broker.url });
  await subscriber.until('twenty verdicts', () => subscriber.on('/inspection').length >= 20, 60_000);
  daemon.process.kill('SIGTERM');
  await daemon.ended;
  const messages = subscriber.on('/inspection').map((message) => message.json<InspectionMessage>());
  const rows = () => server.query<Row>('select seq, verdict, score, message from inspection order by seq');
  const last = messages.at(-1)?.delivery.seq as number;
  await until(() => rows().at(-1)?.seq === last);
  const stored = rows();
  // The program may have subscribed after the first verdicts.
  assert.ok(stored.length >= 10, `${stored.length} of ${messages.length}`);
  assert.deepEqual(
    stored.map(({ seq }) => seq),
    stored.map((_, i) => last - stored.length + 1 + i),
  );
  for (const { seq, verdict, score, message } of stored) {
    const sent = messages.find(({ delivery }) => delivery.seq === seq);
    assert.deepEqual(message, sent);
    assert.deepEqual([verdict, score], [sent?.verdict, sent?.regions[0]?.score ?? null]);
  }
  assert.deepEqual(server.query('select * from missing'), []);
  await example.stop();
});

test('what arrives twice, or while the database or the program is down, is stored once', { skip }, async () => {
  const broker = await startMosquitto();
  const server = startPostgresql();
  const args = ['--port', String(broker.port), '--database', server.database];
  const client = connect(broker.url, { protocolVersion: 5 });
  closeAtTheEnd(() => client.endAsync(true));
  const send = (topic: string, message: object) =>
    client.publishAsync(`sideglance/ulm/press-3/edge-1/top/${topic}`, JSON.stringify(message), { qos: 1 });
  const seqs = () => server.query<Row>('select seq from inspection order by seq').map(({ seq }) => seq);

  const first = new Example('postgresql/sink.py', args, PYTHON);
  let sent = 0;
  await until(async () => {
    await send('inspection', recorded(0));
    sent++;
    return seqs().length > 0;
  });
  assert.ok(sent >= 1);
  for (const seq of [1, 1, 2]) await send('inspection', recorded(seq));
  await until(() => seqs().length >= 3);
  await server.stop();
  await send('inspection', recorded(3));
  // It cannot store it, so it ends without acknowledging it.
  await first.ended;
  await send('inspection', recorded(6));
  server.start();
  const second = new Example('postgresql/sink.py', args, PYTHON);
  await until(() => seqs().length >= 5);
  assert.deepEqual(seqs(), [0, 1, 2, 3, 6]);

  const { device, delivery } = recorded(0);
  const hole = 'select first_seq, last_seq from missing';
  assert.deepEqual(server.query(hole), [{ first_seq: 4, last_seq: 5 }]);
  await send('gap', { device, epoch: delivery.epoch, stream: delivery.stream, firstSeq: 4, lastSeq: 5 });
  await until(() => server.query(hole).length === 0);
  await second.stop();
});

interface Row {
  readonly seq: number;
  readonly verdict: string;
  readonly score: number | null;
  readonly message: unknown;
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 30_000;
  while (!(await isSo())) {
    assert.ok(Date.now() < end, 'waited 30 s in vain');
    await new Promise((done) => setTimeout(done, 100));
  }
}
