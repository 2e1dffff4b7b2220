import assert from 'node:assert/strict';
import { before } from 'node:test';
import { startMosquitto, withoutMosquitto } from '../support/mosquitto.js';
import { edgeNode, GROUP, part, reach, startStations } from './support/edge.js';
import { SparkplugHost } from './support/host.js';
import { holds } from './support/requirements.js';
import { WireTap } from './support/wire-tap.js';

// §5.9: several brokers, and a primary host that is at some of them.

interface Walk {
  readonly taps: readonly WireTap[];
  readonly hosts: readonly SparkplugHost[];
  /** The brokers that the node was at, in its order. */
  readonly order: readonly number[];
}

let walk: Walk;
before(async () => {
  if (!withoutMosquitto) walk = await walkAround();
});

/** The host says at the first broker that it is offline, and nothing at the second; later it leaves the third for the first. */
async function walkAround(): Promise<Walk> {
  const brokers = [await startMosquitto(), await startMosquitto(), await startMosquitto()];
  const taps = await Promise.all(brokers.map(({ port }) => WireTap.open(port)));
  const hosts = brokers.map(({ url }) => new SparkplugHost(url, GROUP, 'scada'));
  await hosts[0]!.goOnline();
  await hosts[0]!.goOffline();
  await hosts[2]!.goOnline();
  const order: number[] = [];
  const node = edgeNode(
    taps.map(({ url }) => url),
    { primaryHost: 'scada' },
  );
  node.on('state', (state) => {
    if (state.state === 'connecting') order.push(taps.findIndex(({ url }) => url === state.broker));
  });
  node.start();
  startStations(node);
  await reach(node, 'online');
  node.publishInspection(part(1));
  await hosts[2]!.until('a part', () => hosts[2]!.tag('edge-1/top/Part/Number')?.value === 1n);
  await hosts[0]!.goOnline();
  const left = reach(node, 'offline');
  await hosts[2]!.goOffline();
  await left;
  node.publishInspection(part(2));
  await hosts[0]!.until('births', () => hosts[0]!.of('DBIRTH').length === 2);
  await hosts[0]!.until('history', () => [...(hosts[0]!.samples.get('edge-1/top/Part/Number') ?? [])].length > 1);
  await node.stop();
  return { taps, hosts, order };
}

holds(['tck-id-operational-behavior-primary-application-state-with-multiple-servers-walk'], () => {
  assert.deepEqual(walk.order.slice(0, 3), [0, 1, 2]);
  const [first, second, third] = walk.taps;
  assert.equal(first?.published().filter(({ connection }) => connection === 0).length, 0);
  assert.equal(second?.published().length, 0);
  assert.equal(third?.published()[0]?.verb, 'NBIRTH');
});

holds(['tck-id-operational-behavior-edge-node-termination-host-offline-reconnect'], () => {
  assert.equal(walk.order[3], 0);
  assert.deepEqual(walk.taps[2]?.sent.slice(-1)[0]?.packet.cmd, 'disconnect');
  assert.equal(walk.hosts[0]?.tag('edge-1/top/Part/Number')?.value, 2n);
});

holds(['tck-id-operational-behavior-primary-application-state-with-multiple-servers-single-server'], () => {
  // Every connection but the last has said DISCONNECT before the next one was made.
  const ends = walk.taps.flatMap((tap) => tap.of('disconnect'));
  const begins = walk.taps.flatMap((tap) => tap.of('connect'));
  assert.equal(ends.length, begins.length);
  const times = walk.taps
    .flatMap(({ sent }) => sent)
    .filter(({ packet }) => packet.cmd === 'connect' || packet.cmd === 'disconnect')
    .sort((a, b) => a.atMs - b.atMs)
    .map(({ packet }) => packet.cmd);
  times.forEach((cmd, at) => {
    assert.equal(cmd, at % 2 === 0 ? 'connect' : 'disconnect');
  });
});
