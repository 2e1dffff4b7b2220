import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostState } from '../../../src/publish/sparkplug/host-state.js';

const state = (online: unknown, timestamp: unknown) => Buffer.from(JSON.stringify({ online, timestamp }));

test('a STATE message counts unless it is older than the latest one', () => {
  const host = new HostState();
  assert.equal(host.receive(state(false, 1_000)), 'offline');
  assert.equal(host.receive(state(true, 2_000)), 'online');
  assert.equal(host.receive(state(false, 1_999)), 'ignored');
  assert.equal(host.receive(state(true, 2_000)), 'online');
  assert.equal(host.receive(state(false, 2_000)), 'offline');
  assert.equal(host.receive(state(true, 1_000)), 'ignored');
});

test('what is no STATE message means nothing', () => {
  const host = new HostState();
  const texts = ['ONLINE', '', 'null', '[]', '7', '{"online":true}', '{"online":"true","timestamp":1}'];
  for (const text of texts) assert.equal(host.receive(Buffer.from(text)), 'ignored', text);
  assert.equal(host.receive(Buffer.from([0xff, 0xfe])), 'ignored');
  assert.equal(host.receive(state(true, '1')), 'ignored');
  assert.equal(host.receive(state(true, 1)), 'online');
});
