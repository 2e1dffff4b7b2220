import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { blake2b } from '../../../src/model/signing/blake2b.js';
import {
  MinisignFormatError,
  parsePublicKey,
  parseSignature,
  publicKeyFile,
  signMessage,
  verifySignature,
} from '../../../src/model/signing/minisign.js';
import { generateKey, isEncrypted, readSecretKey, secretKeyFile } from '../../../src/model/signing/secret-key.js';

let folder: string;
let file: string;
const message = Buffer.from('{"format":"sideglance-bundle/1"}\n');
const key = generateKey();
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sideglance-minisign-'));
  file = join(folder, 'manifest.json');
  writeFileSync(file, message);
});
after(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, name);
/** Debian's minisign. */
const minisign = (args: readonly string[], input = '') =>
  execFileSync('minisign', args, { cwd: folder, input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });

describe('with the stock minisign', () => {
  it('verifies what sideglance signs', () => {
    writeFileSync(at('ours.pub'), publicKeyFile(key.publicKey));
    const text = signMessage(message, { ...key, trustedComment: 'bracket@1.2.0' });
    writeFileSync(at('manifest.json.minisig'), text);
    assert.match(minisign(['-V', '-p', 'ours.pub', '-m', file]), /verified[\s\S]*bracket@1\.2\.0/);
    assert.match(minisign(['-V', '-H', '-P', key.publicKey.text, '-m', file]), /verified/);
    writeFileSync(at('manifest.json.minisig'), text.replace('1.2.0', '1.2.1'));
    assert.throws(() => minisign(['-V', '-p', 'ours.pub', '-m', file]));
  });

  it('signs what sideglance verifies, prehashed and legacy', () => {
    minisign(['-G', '-W', '-p', 'theirs.pub', '-s', 'theirs.key']);
    const publicKey = parsePublicKey(readFileSync(at('theirs.pub'), 'utf8'));
    for (const [legacy, prehashed] of [
      [[], true],
      [['-l'], false],
    ] as const) {
      minisign(['-S', ...legacy, '-s', 'theirs.key', '-x', 'theirs.minisig', '-t', 'by hand', '-m', file]);
      const signature = parseSignature(readFileSync(at('theirs.minisig'), 'utf8'));
      assert.equal(signature.prehashed, prehashed);
      assert.equal(signature.trustedComment, 'by hand');
      assert.equal(signature.keyId, publicKey.id);
      assert.equal(verifySignature(message, signature, publicKey), true);
      assert.equal(verifySignature(Buffer.concat([message, message]), signature, publicKey), false);
      assert.equal(verifySignature(message, { ...signature, trustedComment: 'by hand!' }, publicKey), false);
      assert.equal(verifySignature(message, { ...signature, prehashed: !prehashed }, publicKey), false);
    }
  });

  it('shares secret keys without a password, both ways', async () => {
    minisign(['-G', '-W', '-f', '-p', 'theirs.pub', '-s', 'theirs.key']);
    const text = readFileSync(at('theirs.key'), 'utf8');
    assert.equal(isEncrypted(text), false);
    const theirs = await readSecretKey(text, null);
    assert.equal(publicKeyFile(theirs.publicKey), readFileSync(at('theirs.pub'), 'utf8'));
    writeFileSync(at('ours.key'), await secretKeyFile(key, null));
    minisign(['-S', '-s', 'ours.key', '-W', '-x', 'x.minisig', '-m', file]);
    const made = parseSignature(readFileSync(at('x.minisig'), 'utf8'));
    assert.equal(verifySignature(message, made, key.publicKey), true);
  });

  it('opens secret keys that sideglance encrypted', async () => {
    // Little work, so that the tests are fast; how much it is stands in the file.
    writeFileSync(at('locked.key'), await secretKeyFile(key, 'open sesame', { operations: 2 ** 15, bytes: 2 ** 24 }));
    minisign(['-S', '-s', 'locked.key', '-x', 'y.minisig', '-m', file], 'open sesame\n');
    const made = parseSignature(readFileSync(at('y.minisig'), 'utf8'));
    assert.equal(verifySignature(message, made, key.publicKey), true);
  });
});

describe('secret keys', () => {
  it('that minisign encrypted open with the password', async () => {
    // `minisign -G` with the password "pw".
    const theirs = `untrusted comment: minisign encrypted secret key
RWRTY0IykYKhY8yvTeDBoPZt8f7v9gMuLbLlyn8fzPBUbOtyhjQAAAACAAAAAAAAAEAAAAAARtF5Iw24MBNwXqMbdwJ+KD+bAexf7BiQnQFtyD5WhZLgZS16XlW+PzWUPOt+xlK9arTFaOIFo4FKx5dUNyxTj4WNTRMpbKNfvNj+lzeRd2YdDwbHSdXjo62TlR8vnEaWOJnm9c0eb28=
`;
    assert.equal(isEncrypted(theirs), true);
    const { publicKey, id } = await readSecretKey(theirs, 'pw');
    assert.equal(id, '67A6DBE518B3593F');
    assert.equal(publicKey.text, 'RWQ/WbMY5dumZyzamZq7skaiTy0rgyd4GRwxyhwnCibuCA9E0sUDYu7R');
  });

  it('need their password, the right one', async () => {
    const cost = { operations: 2 ** 15, bytes: 2 ** 24 };
    const text = await secretKeyFile(key, 'right', cost);
    assert.equal((await readSecretKey(text, 'right')).id, key.id);
    await assert.rejects(readSecretKey(text, 'wrong'), /does not open with this password/);
    await assert.rejects(readSecretKey(text, null), /is encrypted/);
    await assert.rejects(readSecretKey(publicKeyFile(key.publicKey), null), /is not a secret key/);
  });

  it('do not ask for more work than minisign would', async () => {
    const text = await secretKeyFile(key, 'x', { operations: 2 ** 15, bytes: 2 ** 24 });
    const [comment, encoded] = text.split('\n') as [string, string];
    const bytes = Buffer.from(encoded, 'base64');
    bytes.writeBigUInt64LE(2n ** 40n, 46);
    await assert.rejects(readSecretKey(`${comment}\n${bytes.toString('base64')}\n`, 'x'), /more work/);
  });
});

describe('what is not exactly the format', () => {
  const text = signMessage(message, { ...key, trustedComment: 'x' });
  const refused: [string, string][] = [
    ['nothing', ''],
    ['a line less', text.split('\n').slice(0, 3).join('\n')],
    ['a line more', `${text}more\n`],
    ['no untrusted comment', text.replace('untrusted', 'strange')],
    ['no trusted comment', text.replace('\ntrusted', '\nstrange')],
    ['a signature that is cut off', text.replace(/=\n/, '\n').replace(/.\ntrusted/, '\ntrusted')],
    ['base64 that only looks like it', text.replace(/\nRU/, '\nR-')],
    ['a blank in base64', text.replace(/\nRU/, '\nR U')],
  ];
  for (const [what, changed] of refused) {
    it(`is refused: ${what}`, () => assert.throws(() => parseSignature(changed), MinisignFormatError));
  }

  it('is refused as a public key', () => {
    for (const one of [
      '',
      'RWQ',
      `${key.publicKey.text}\n${key.publicKey.text}`,
      key.publicKey.text.replace('RW', 'RX'),
    ]) {
      assert.throws(() => parsePublicKey(one), MinisignFormatError);
    }
  });

  it('is never written: a comment of two lines', () => {
    assert.throws(() => signMessage(message, { ...key, trustedComment: 'a\nb' }), MinisignFormatError);
  });
});

describe('BLAKE2b', () => {
  it('is that of RFC 7693 (appendix A) and of OpenSSL, at every length of a block', async () => {
    const { createHash } = await import('node:crypto');
    assert.match(blake2b(Buffer.from('abc'), 64).toString('hex'), /^ba80a53f981c4d0d6a2797b69f12f6e9/);
    for (const length of [0, 1, 127, 128, 129, 256, 300]) {
      const data = Buffer.alloc(length, 'sideglance');
      assert.equal(blake2b(data, 64).toString('hex'), createHash('blake2b512').update(data).digest('hex'));
    }
    // `b2sum -l 256` of nothing.
    assert.equal(
      blake2b(Buffer.alloc(0), 32).toString('hex'),
      '0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8',
    );
  });
});
