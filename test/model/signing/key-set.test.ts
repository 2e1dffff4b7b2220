import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { signaturesOf } from '../../../bench/updates/small-bundle.js';
import { keySetFile, parseKeySet, succeed } from '../../../src/model/signing/key-set.js';
import { signMessage } from '../../../src/model/signing/minisign.js';
import { generateKey, type SecretKey } from '../../../src/model/signing/secret-key.js';
import { isSignatureOf, nameFor } from '../../../src/model/signing/signature-files.js';
import { checkSignatures, type KeySet } from '../../../src/model/signing/threshold.js';
import { fault } from '../../support/faults.js';

const [alice, bob, carol, dave] = [generateKey(), generateKey(), generateKey(), generateKey()];
const setOf = (
  serial: number,
  threshold: number,
  keys: readonly SecretKey[],
  revoked: readonly SecretKey[] = [],
): KeySet => ({
  serial,
  threshold,
  keys: keys.map(({ publicKey, id }) => ({ name: id, publicKey })),
  revoked: revoked.map(({ publicKey }) => publicKey),
});
const bytesOf = (set: KeySet) => Buffer.from(keySetFile(set));
const signed = (bytes: Uint8Array, ...signers: readonly SecretKey[]) =>
  signaturesOf('keys.json', bytes, signers).map(([name, text]) => ({ name, text: Buffer.from(text).toString('utf8') }));

describe('m of n signatures', () => {
  const message = Buffer.from('message');
  const two = setOf(1, 2, [alice, bob, carol], [dave]);

  it('are enough from any two of three keys', () => {
    for (const pair of [
      [alice, bob],
      [carol, alice],
      [alice, bob, carol],
    ]) {
      const signers = checkSignatures(message, signed(message, ...pair), two, 'it');
      assert.deepEqual(new Set(signers.map(({ keyId }) => keyId)), new Set(pair.map(({ id }) => id)));
    }
  });

  it('of strangers do not count, and do not harm', () => {
    const stranger = generateKey();
    assert.equal(checkSignatures(message, signed(message, alice, stranger, bob), two, 'it').length, 2);
    const few = signed(message, alice, stranger);
    assert.throws(
      () => checkSignatures(message, few, two, 'it'),
      fault('SG_BUNDLE_UNTRUSTED', new RegExp(`1 of 2.*${stranger.id} is not a trusted key`)),
    );
  });

  it('of one key count once, in however many files', () => {
    const again = signMessage(message, { ...alice, trustedComment: 'another one' });
    const files = [...signed(message, alice), { name: 'keys.json.again.minisig', text: again }];
    assert.throws(() => checkSignatures(message, files, two, 'it'), fault('SG_BUNDLE_UNTRUSTED', /1 of 2/));
  });

  it('of revoked keys do not count, and say so', () => {
    assert.throws(
      () => checkSignatures(message, signed(message, alice, dave), two, 'it'),
      fault('SG_BUNDLE_KEY_REVOKED', new RegExp(`${dave.id} was revoked`)),
    );
  });

  it('tell two keys with one id apart', () => {
    // An id is eight random bytes of whoever made the key.
    const twin = { ...generateKey(), id: alice.id };
    const both = { ...two, keys: [...two.keys, { name: 'twin', publicKey: { ...twin.publicKey, id: alice.id } }] };
    const files = [
      ...signed(message, alice),
      { name: 'keys.json.twin.minisig', text: signMessage(message, { ...twin, trustedComment: '' }) },
    ];
    assert.equal(checkSignatures(message, files, both, 'it').length, 2);
  });
});

describe('a key set', () => {
  it('is read back as it was written', () => {
    const set = setOf(3, 2, [alice, bob], [carol]);
    assert.deepEqual(keySetFile(parseKeySet(bytesOf(set), 'keys.json')), keySetFile(set));
  });

  it('with faults names all of them', () => {
    const faults: [string, RegExp][] = [
      ['', /keys\.json is no key set/],
      ['{}', /format.*serial.*threshold.*keys/],
      [
        keySetFile(setOf(1, 1, [alice])).replace('"threshold": 1', '"threshold": 2'),
        /threshold: is more than the 1 keys/,
      ],
      [
        keySetFile(setOf(1, 1, [alice])).replace(alice.publicKey.text, 'RWQ'),
        /keys\.0\.key: is not a minisign public key/,
      ],
      [keySetFile(setOf(1, 1, [alice, bob])).replace(bob.publicKey.text, alice.publicKey.text), /names a key twice/],
      [
        keySetFile(setOf(1, 1, [alice], [bob])).replace(bob.publicKey.text, alice.publicKey.text),
        /keys\.0: is revoked/,
      ],
      [keySetFile(setOf(1, 1, [alice])).replace('"serial"', '"extra": 1, "serial"'), /extra/],
    ];
    for (const [text, message] of faults) {
      assert.throws(() => parseKeySet(Buffer.from(text), 'keys.json'), fault('SG_KEY_INVALID', message));
    }
  });
});

describe('rotation', () => {
  const first = setOf(1, 2, [alice, bob, carol]);
  const next = setOf(2, 1, [carol, dave], [alice]);
  const take = (current: KeySet, set: KeySet, ...signers: readonly SecretKey[]) =>
    succeed(current, bytesOf(set), signed(bytesOf(set), ...signers), 'keys.json');

  it('needs enough of the old keys and enough of the new ones', () => {
    assert.equal(take(first, next, bob, carol).serial, 2);
    assert.throws(() => take(first, next, carol, dave), fault('SG_BUNDLE_UNTRUSTED', /1 of 2/));
    assert.throws(() => take(first, next, alice, bob), fault('SG_BUNDLE_KEY_REVOKED', /0 of 1/));
  });

  it('goes forward only', () => {
    assert.throws(
      () => take({ ...first, serial: 2 }, next, bob, carol),
      fault('SG_KEY_INVALID', /serial 2, but 2 is trusted/),
    );
  });

  it('never takes a revocation back', () => {
    const forgetful = setOf(3, 1, [carol, dave]);
    assert.throws(() => take(next, forgetful, carol), fault('SG_KEY_INVALID', new RegExp(`revoked key ${alice.id}`)));
    assert.equal(take(next, setOf(3, 1, [dave], [alice, carol]), carol, dave).serial, 3);
  });
});

describe('names of signatures', () => {
  it('belong to the file that they sign, and to no other', () => {
    const names = ['manifest.json.minisig', 'manifest.json.alice.minisig', 'manifest.json.0A-b_9.minisig'];
    for (const name of names) assert.equal(isSignatureOf('manifest.json', name), true, name);
    const others = [
      'manifest.minisig',
      'manifest.json',
      'manifest.json..minisig',
      'manifest.json.a.b.minisig',
      'manifest.json.minisig.x',
      'a/manifest.json.minisig',
      'manifest.json.a/b.minisig',
      'downgrade.json.minisig',
    ];
    for (const name of others) assert.equal(isSignatureOf('manifest.json', name), false, name);
    assert.equal(nameFor('manifest.json', 'AB', []), 'manifest.json.minisig');
    assert.equal(nameFor('manifest.json', 'AB', ['manifest.json.minisig']), 'manifest.json.AB.minisig');
  });
});
