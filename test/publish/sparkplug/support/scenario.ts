import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeAtTheEnd } from '../../support/leftovers.js';
import { startMosquitto } from '../../support/mosquitto.js';
import { EDGE, edgeNode, GROUP, NOTHING, part, RUNNING, reach, rememberingCommands, startStations } from './edge.js';
import { SparkplugHost } from './host.js';
import { WireTap } from './wire-tap.js';

/** What the requirement tests look at: all that an edge node sent in the course of its life, and what a host made of it. */
export interface Life {
  readonly tap: WireTap;
  readonly host: SparkplugHost;
  readonly protocolVersion: 4 | 5;
  readonly asked: readonly string[];
}

/**
 * A whole life on a real mosquitto, with a primary host. The phases, as they stand in `tap.sent`:
 * - `no host`: connected, no STATE; parts are inspected
 * - `other host`: another host is online
 * - `online`: the primary host is; births, history, more than 256 messages, a station that ends and comes back
 * - `rebirth`, `commands`
 * - `old death`: a STATE of an earlier session of the host
 * - `host offline`: the host goes in good order; parts are inspected
 * - `host back`, `cut` (the connection breaks), `stop`
 */
export async function liveWholeLife(protocolVersion: 4 | 5): Promise<Life> {
  const broker = await startMosquitto();
  const tap = await WireTap.open(broker.port);
  const host = new SparkplugHost(broker.url, GROUP, 'scada');
  const other = new SparkplugHost(broker.url, GROUP, 'other');
  const folder = mkdtempSync(join(tmpdir(), 'sideglance-sparkplug-'));
  closeAtTheEnd(async () => rmSync(folder, { recursive: true, force: true }));
  const asked: string[] = [];
  const node = edgeNode(tap.url, {
    protocolVersion,
    primaryHost: 'scada',
    commands: rememberingCommands(asked),
    bdSeqFile: join(folder, 'bdSeq'),
  });

  tap.phase = 'no host';
  node.start();
  startStations(node);
  await reach(node, 'waiting');
  for (let sequence = 0; sequence < 5; sequence++) node.publishInspection(part(sequence));
  await sleep(100);
  tap.phase = 'other host';
  await other.goOnline();
  await sleep(100);

  tap.phase = 'online';
  await host.goOnline();
  await host.until('the births', () => host.of('DBIRTH').length === 2);
  for (let sequence = 5; sequence < 305; sequence++) {
    node.publishInspection(part(sequence, sequence % 2 ? 'side' : 'top'));
    if (sequence % 20 === 0) await sleep(1);
  }
  await host.until('all parts', () => host.tag(`${EDGE}/top/Part/Number`)?.value === 304n);
  node.refresh();
  node.publishModel('side', NOTHING);
  await host.until('the death of a device', () => host.of('DDEATH').length === 1);
  node.publishModel('side', RUNNING);
  await host.until('its birth', () => host.of('DBIRTH').length === 3);

  tap.phase = 'rebirth';
  await host.rebirth(EDGE);
  await host.until('all births again', () => host.of('NBIRTH').length === 2 && host.of('DBIRTH').length === 5);
  tap.phase = 'commands';
  await host.command(EDGE, 'top', [
    { alias: host.alias(EDGE, `${EDGE}/top/Control/Threshold`) as number, value: 4.5 },
    { alias: host.alias(EDGE, `${EDGE}/top/Control/Trigger`) as number, value: true },
  ]);
  await host.until('both answers', () => host.tag(`${EDGE}/top/Control/Commands`)?.value === 2n);

  tap.phase = 'old death';
  await other.publishState('not JSON');
  const { stateTimestamp } = host;
  await host.publishState({ online: false, timestamp: stateTimestamp - 1 });
  node.publishInspection(part(305));
  await host.until('the next part', () => host.tag(`${EDGE}/top/Part/Number`)?.value === 305n);
  await sleep(50);

  tap.phase = 'host offline';
  const gone = reach(node, 'offline');
  await host.goOffline();
  await gone;
  await reach(node, 'waiting');
  for (let sequence = 306; sequence < 316; sequence++) node.publishInspection(part(sequence));
  await sleep(50);
  tap.phase = 'host back';
  await host.goOnline();
  await host.until('births', () => host.of('NBIRTH').length === 3);
  node.publishInspection(part(316));
  await host.until('a part', () => host.tag(`${EDGE}/top/Part/Number`)?.value === 316n);

  tap.phase = 'cut';
  tap.cut();
  await host.until('births after it', () => host.of('NBIRTH').length === 4 && host.of('DBIRTH').length === 9);
  node.publishInspection(part(317));
  await host.until('a part', () => host.tag(`${EDGE}/top/Part/Number`)?.value === 317n);
  tap.phase = 'stop';
  const deaths = host.of('NDEATH').length;
  await node.stop();
  await host.until('the last death', () => host.of('NDEATH').length > deaths);
  await sleep(50);
  return { tap, host, protocolVersion, asked };
}
