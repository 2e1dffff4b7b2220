import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokerFault, type FaultContext } from '../../src/publish/faults.js';

const context: FaultContext = {
  address: 'mqtt://plant:1883',
  username: 'line3',
  clientId: 'edge-1',
  isEncrypted: false,
  hasCertificate: false,
  wasUp: false,
};
const withCode = (code: number | string, text = 'as the broker says') => Object.assign(new Error(text), { code });

test('what time alone does not mend is retried slowly, everything else soon', () => {
  for (const code of [2, 4, 5, 133, 134, 135, 138, 142, 157, 'CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT']) {
    assert.equal(brokerFault(withCode(code), context).retry, 'slowly', String(code));
  }
  for (const code of [3, 136, 137, 139, 'ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EHOSTUNREACH']) {
    assert.equal(brokerFault(withCode(code), context).retry, 'soon', String(code));
  }
});

test('a broker certainly speaks another version of MQTT where it says so, perhaps where it closes without a word', () => {
  const wrong = (thrown: unknown, wasUp = false) => brokerFault(thrown, { ...context, wasUp }).wrongVersion;
  assert.equal(wrong(withCode(1)), 'certainly');
  assert.equal(wrong(withCode(132)), 'certainly');
  assert.equal(wrong(null), 'perhaps');
  assert.equal(wrong(null, true), 'no');
  assert.equal(wrong(withCode('ECONNREFUSED')), 'no');
});

test('only an end that the broker made of an established connection counts against what was under way', () => {
  assert.ok(brokerFault(null, { ...context, wasUp: true }).byBroker);
  assert.ok(brokerFault(withCode(149), { ...context, wasUp: true }).byBroker);
  assert.ok(!brokerFault(withCode(139), { ...context, wasUp: true }).byBroker);
  assert.ok(!brokerFault(new Error('Keepalive timeout'), { ...context, wasUp: true }).byBroker);
});

test('every fault names the broker, keeps its cause and is SG_BROKER', () => {
  for (const thrown of [
    withCode(5),
    withCode('EPROTO'),
    withCode('E_NEW'),
    new Error('connack timeout'),
    withCode(200),
  ]) {
    const { error } = brokerFault(thrown, context);
    assert.equal(error.code, 'SG_BROKER');
    assert.equal(error.cause, thrown);
    assert.match(error.message, /^the MQTT broker at mqtt:\/\/plant:1883 /);
  }
});

test('a session that another client took over names the client id and what to do', () => {
  const { error } = brokerFault(withCode(142), { ...context, wasUp: true });
  assert.match(error.message, /another client with the id 'edge-1': .*mqtt\.clientId/);
});
