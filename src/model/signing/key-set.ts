import { z } from 'zod';
import { reasonOf, SideglanceError } from '../../errors.js';
import { parsePublicKey } from './minisign.js';
import type { SignatureFile } from './signature-files.js';
import { checkSignatures, type KeySet } from './threshold.js';

/**
 * The keys that a device trusts, and how many of them have to sign. A device is given its first key set by hand; each later
 * one is signed by the one before.
 */

export const KEY_SET_FORMAT = 'sideglance-keys/1';
export const KEY_SET_LIMITS = { maxKeys: 16, maxRevoked: 1000, maxBytes: 256 * 1024 } as const;

const KeyText = z.string().check((context) => {
  try {
    parsePublicKey(context.value);
    if (context.value.includes('\n')) throw new Error('is more than a line');
  } catch (thrown) {
    context.issues.push({
      code: 'custom',
      input: context.value,
      message: `${reasonOf(thrown)}: take the last line of the .pub file`,
    });
  }
});

const KeySetSchema = z
  .strictObject({
    format: z.literal(KEY_SET_FORMAT),
    /** Each key set that follows another has a larger one. */
    serial: z.int().min(1),
    /** So many different keys have to sign. */
    threshold: z.int().min(1).max(KEY_SET_LIMITS.maxKeys),
    keys: z
      .array(z.strictObject({ name: z.string().min(1).max(64), key: KeyText }))
      .min(1)
      .max(KEY_SET_LIMITS.maxKeys),
    /** Keys that are never trusted again. */
    revoked: z.array(KeyText).max(KEY_SET_LIMITS.maxRevoked).default([]),
  })
  .superRefine(({ keys, threshold, revoked }, context) => {
    const fault = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
    if (threshold > keys.length) fault(['threshold'], `is more than the ${keys.length} keys`);
    if (new Set(keys.map(({ key }) => key)).size < keys.length) fault(['keys'], 'names a key twice');
    for (const [i, { key }] of keys.entries()) if (revoked.includes(key)) fault(['keys', i], 'is revoked');
  });

/** @param where the file, for messages @throws SideglanceError `SG_KEY_INVALID` naming every fault */
export function parseKeySet(bytes: Uint8Array, where: string): KeySet {
  let json: unknown;
  try {
    if (bytes.byteLength > KEY_SET_LIMITS.maxBytes) throw new Error('it is too large');
    json = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new SideglanceError(
      'SG_KEY_INVALID',
      `${where} is no key set: ${reasonOf(cause)}. Make one with \`sideglance model keys\``,
      { cause },
    );
  }
  const checked = KeySetSchema.safeParse(json);
  if (!checked.success) {
    const faults = checked.error.issues.map((issue) => `${issue.path.join('.') || 'it'}: ${issue.message}`);
    throw new SideglanceError(
      'SG_KEY_INVALID',
      `${where} is no key set: ${faults.join('; ')}. Make one with \`sideglance model keys\``,
    );
  }
  const { serial, threshold, keys, revoked } = checked.data;
  return {
    serial,
    threshold,
    keys: keys.map(({ name, key }) => ({ name, publicKey: parsePublicKey(key) })),
    revoked: revoked.map(parsePublicKey),
  };
}

/** The text of a key set's file. @throws SideglanceError as `parseKeySet` */
export function keySetFile({ serial, threshold, keys, revoked }: KeySet): string {
  const json = {
    format: KEY_SET_FORMAT,
    serial,
    threshold,
    keys: keys.map(({ name, publicKey }) => ({ name, key: publicKey.text })),
    revoked: revoked.map(({ text }) => text),
  };
  const text = `${JSON.stringify(json, null, 2)}\n`;
  parseKeySet(Buffer.from(text), 'the new key set');
  return text;
}

/**
 * Whether a key set may take the place of the one that is trusted. As in TUF (5.3.4): enough of the old keys signed it, and
 * enough of its own, so that nobody moves a fleet to keys that nobody has.
 *
 * @returns the new key set
 * @throws SideglanceError `SG_KEY_INVALID` for an older or faulty one, or one that forgets what was revoked; as
 * `checkSignatures`
 */
export function succeed(
  current: KeySet,
  bytes: Uint8Array,
  signatures: readonly SignatureFile[],
  where: string,
): KeySet {
  checkSignatures(bytes, signatures, current, where);
  const next = parseKeySet(bytes, where);
  checkSignatures(bytes, signatures, next, where);
  if (next.serial <= current.serial) {
    throw new SideglanceError(
      'SG_KEY_INVALID',
      `${where} has the serial ${next.serial}, but ${current.serial} is trusted already. Make it from the newest one with \`sideglance model keys --from\``,
    );
  }
  const stillRevoked = new Set(next.revoked.map(({ text }) => text));
  const forgotten = current.revoked.filter(({ text }) => !stillRevoked.has(text));
  if (forgotten.length > 0) {
    throw new SideglanceError(
      'SG_KEY_INVALID',
      `${where} does not list the revoked key ${forgotten[0]!.id}. Make it from the newest one with \`sideglance model keys --from\``,
    );
  }
  return next;
}
