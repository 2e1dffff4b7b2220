import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SideglanceError } from '../../../src/errors.js';
import type { StationCommands } from '../../../src/publish/sparkplug/commands.js';
import { startMosquitto, withoutMosquitto } from '../support/mosquitto.js';
import { encodeCommand } from './support/decode.js';
import { EDGE, type EdgeOptions, edgeNode, GROUP, part, rememberingCommands, startStations } from './support/edge.js';
import { SparkplugHost } from './support/host.js';

async function together(commands?: StationCommands, options: EdgeOptions = {}) {
  const broker = await startMosquitto();
  const host = new SparkplugHost(broker.url, GROUP, 'scada');
  await host.goOnline();
  const node = edgeNode(broker.url, { ...options, commands });
  const malformed: string[] = [];
  node.on('malformed', (topic, fault) => malformed.push(`${topic} ${fault}`));
  node.start();
  startStations(node);
  await host.until('births', () => host.of('DBIRTH').length === 2);
  return { node, host, malformed, broker };
}

const result = (host: SparkplugHost) => host.tag(`${EDGE}/top/Control/Result`)?.value;

test('a host sets the threshold, triggers and activates a model, and reads how it went', {
  skip: withoutMosquitto,
}, async () => {
  const asked: string[] = [];
  const { node, host } = await together(rememberingCommands(asked));
  const write = async (name: string, value: boolean | number | string, answer: RegExp) => {
    const before = host.tag(`${EDGE}/top/Control/Commands`)?.value as bigint;
    await host.command(EDGE, 'top', [{ name, value }]);
    await host.until(name, () => host.tag(`${EDGE}/top/Control/Commands`)?.value === before + 1n);
    assert.match(String(result(host)), answer);
  };
  await write('Control/Threshold', 4.25, /^Control\/Threshold: done$/);
  assert.equal(host.tag(`${EDGE}/top/Control/Threshold`)?.value, 4.25);
  await write('Control/Trigger', true, /^Control\/Trigger: done$/);
  await write('Control/Trigger', true, /^Control\/Trigger: done$/);
  await write('Control/Model', 'bracket@4', /^Control\/Model: done$/);
  await write('Control/Model', 'bracket@9', /^Control\/Model: bracket@9 is not installed$/);
  assert.equal(host.tag(`${EDGE}/top/Control/Model`)?.value, 'bracket@4');
  await write('Control/Threshold', 'high', /refused, "high" is no value for it \(Double\)/);
  await write('Control/Threshold', -1, /refused, -1 is no value/);
  await write('Control/Trigger', 1, /refused, 1 is no value/);
  assert.deepEqual(asked, ['threshold top 4.25', 'trigger top', 'trigger top', 'model top bracket@4']);
  await node.stop();
});

test('an error is told with its code', { skip: withoutMosquitto }, async () => {
  const setThreshold = async () => {
    throw new SideglanceError('SG_CONFIG_INVALID', 'the threshold is fixed');
  };
  const { node, host } = await together({ setThreshold });
  await host.command(EDGE, 'top', [{ name: 'Control/Threshold', value: 1 }]);
  await host.until('the answer', () => result(host) === 'Control/Threshold: SG_CONFIG_INVALID the threshold is fixed');
  await node.stop();
});

test('only what something executes is announced as writable; nothing else is written', {
  skip: withoutMosquitto,
}, async () => {
  const asked: string[] = [];
  const { trigger } = rememberingCommands(asked);
  for (const [commands, writable] of [
    [undefined, []],
    [{ trigger }, ['Control/Trigger', 'Control/Trigger']],
  ] as const) {
    const { node, host } = await together(commands);
    const found = host
      .of('DBIRTH')
      .flatMap(({ metrics }) => metrics)
      .filter(({ properties }) => properties?.values[properties.keys.indexOf('readOnly')]?.value === false);
    assert.deepEqual(
      found.map(({ name }) => name),
      writable,
    );
    await host.command(EDGE, 'top', [
      { name: 'Part/Verdict', value: 'pass' },
      { name: 'Control/Threshold', value: 1 },
      { name: 'unheard of', value: true },
      { alias: 99_999, value: true },
    ]);
    node.publishInspection(part(3));
    await host.until('a part', () => host.tag(`${EDGE}/top/Part/Verdict`)?.value === 'fail');
    await node.stop();
  }
  assert.deepEqual(asked, []);
});

test('commands that are malformed, retained or too many do no harm', { skip: withoutMosquitto }, async () => {
  const asked: string[] = [];
  let release = () => {};
  const held = new Promise<void>((done) => {
    release = done;
  });
  const trigger = async () => {
    asked.push('trigger');
    await held;
  };
  const { node, host, malformed, broker } = await together({ trigger });
  for (const text of ['REBIRTH', '{}', '\xff\xff\xff']) await host.publish(EDGE, 'top', Buffer.from(text, 'latin1'));
  await host.publish(EDGE, null, Buffer.from('{"rebirth": true}'));
  const many = Array.from({ length: 40 }, () => ({ name: 'Control/Trigger', value: true }));
  await host.command(EDGE, 'top', many);
  await host.until('24 are refused', () => host.tag(`${EDGE}/top/Control/Commands`)?.value === 24n);
  assert.match(String(result(host)), /refused, 16 commands wait already/);
  release();
  await host.until('16 are done', () => host.tag(`${EDGE}/top/Control/Commands`)?.value === 40n);
  assert.equal(asked.length, 16);
  assert.equal(malformed.length, 4);
  assert.match(malformed[0] ?? '', /^spBv1\.0\/ulm-press-3\/DCMD\/edge-1\/top /);
  await node.stop();

  // One that the broker has kept was meant for another time.
  await host.publish(EDGE, 'top', encodeCommand(Date.now(), [{ name: 'Control/Trigger', value: true }]), true);
  const next = edgeNode(broker.url, { commands: { trigger } });
  next.start();
  startStations(next);
  await host.until('births', () => host.of('DBIRTH').length === 4);
  await sleep(100);
  assert.equal(asked.length, 16);
  await next.stop();
});

test('hosts that ask for a rebirth again and again get one after the other, and data in between', {
  skip: withoutMosquitto,
}, async () => {
  const { node, host } = await together();
  for (let number = 0; number < 50; number++) {
    await host.rebirth(EDGE);
    node.publishInspection(part(number));
  }
  await host.until('the last part', () => host.tag(`${EDGE}/top/Part/Number`)?.value === 49n);
  await host.until('a rebirth', () => host.of('NBIRTH').length > 1);
  assert.ok(host.of('NBIRTH').length <= 51);
  assert.deepEqual(host.faults, []);
  await node.stop();
});

test('a host sends the node to its next server', { skip: withoutMosquitto }, async () => {
  const brokers = [await startMosquitto(), await startMosquitto()];
  const hosts = brokers.map(({ url }) => new SparkplugHost(url, GROUP, 'scada'));
  for (const host of hosts) await host.goOnline();
  const node = edgeNode(brokers.map(({ url }) => url));
  node.start();
  await hosts[0]!.until('its birth', () => hosts[0]!.of('NBIRTH').length === 1);
  await hosts[0]!.command(EDGE, null, [{ name: 'Node Control/Next Server', value: true }]);
  await hosts[1]!.until('its birth there', () => hosts[1]!.of('NBIRTH').length === 1);
  await hosts[0]!.until('its death here', () => hosts[0]!.nodes.get(EDGE)?.isOnline === false);
  await node.stop();
});
