import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import type { Config } from '../../src/config/schema.js';
import { Redaction } from '../../src/service/redaction.js';

const redaction = new Redaction(['open sesame/1', 'x$y']);

test('the passwords of the configuration are hidden wherever they stand, also as a part of an address', () => {
  assert.equal(redaction.text('tried "open sesame/1" twice: open sesame/1'), 'tried "…" twice: …');
  assert.equal(redaction.text('GET /?pw=open%20sesame%2F1'), 'GET /?pw=…');
});

test('a password may hold any character', () => {
  const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('');
  for (const secret of [printable, '-_-^', 'ä€𝄞', '\\d+']) {
    assert.equal(new Redaction([secret]).text(`a ${secret} b`), 'a … b');
  }
});

test('a short password is hidden where it stands by itself, and leaves words as they are', () => {
  const short = new Redaction(['at']);
  assert.equal(short.text('the camera at x is not attached: at'), 'the camera … x is not attached: …');
  assert.equal(redaction.text('a x$y b'), 'a … b');
});

test('user and password in an address are hidden, its host is not', () => {
  for (const [text, clean] of [
    ['rtsp://admin:pw@camera:554/stream', 'rtsp://…@camera:554/stream'],
    ['cannot reach mqtts://edge:p@ss@broker.example: refused', 'cannot reach mqtts://…@broker.example: refused'],
    ['location=rtsp://token@10.0.0.1/a ! decodebin', 'location=rtsp://…@10.0.0.1/a ! decodebin'],
    ['mqtt://broker:1883 and http://a/b?c=d@e', 'mqtt://broker:1883 and http://a/b?c=d@e'],
    ['write to mail@example.org', 'write to mail@example.org'],
  ] as const) {
    assert.equal(redaction.text(text), clean);
  }
});

test('what is called a password, a token or a key is hidden in texts', () => {
  for (const text of [
    'rtspsrc user-id=u user-pw=hunter2 latency=1',
    'password: hunter2',
    'passphrase="hunter2 hunter2"',
    '{"password":"hunter2"}',
    'Authorization: Bearer hunter2',
    'api_key=hunter2&x=1',
  ]) {
    const clean = redaction.text(text);
    assert.ok(!clean.includes('hunter2') && clean.includes('…'), clean);
  }
  assert.equal(redaction.text('the password file cannot be read'), 'the password file cannot be read');
});

test('private keys are hidden, whole or cut off', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  assert.equal(redaction.text(`before\n${pem.trim()}\nafter`), 'before\n…\nafter');
  assert.equal(redaction.text(pem.slice(0, 60)), '…');
});

test('fields are looked through at every depth, by name and by value, and errors give their message only', () => {
  const clean = redaction.fields({
    station: 'top',
    mqtt: { password: 'a', username: 'b', tls: { key: 'c', ca: 'ca.pem' } },
    list: [{ token: 'd' }, 'open sesame/1'],
    error: new Error('x$y is wrong'),
    count: 3,
    none: null,
    monkey: 'banana',
  });
  assert.deepEqual(clean, {
    station: 'top',
    mqtt: { password: '…', username: '…', tls: { key: '…', ca: 'ca.pem' } },
    list: [{ token: '…' }, '…'],
    error: '… is wrong',
    count: 3,
    none: null,
    monkey: 'banana',
  });
});

test('fields without an end are cut off', () => {
  const endless: Record<string, unknown> = {};
  endless.self = endless;
  assert.doesNotThrow(() => JSON.stringify(redaction.fields(endless)));
});

test('the secrets of a configuration are those of its broker and its cameras', () => {
  const config = {
    mqtt: { url: 'mqtt://x', password: 'broker-secret' },
    stations: [{ camera: { type: 'rtsp', password: 'camera-secret' } }, { camera: { type: 'simulated' } }],
  } as unknown as Config;
  assert.equal(Redaction.of(config).text('broker-secret camera-secret'), '… …');
});
