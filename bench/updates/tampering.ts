import type { ErrorCode } from '../../src/errors.js';
import type { Manifest } from '../../src/model/manifest.js';
import type { Entry, Signers, Writable } from './small-bundle.js';

/** What the kinds of tampering have in common. */

/** A bundle that must not be installed, and the code that says why. */
export interface Tampered {
  readonly what: string;
  readonly code: ErrorCode;
  readonly archive: Uint8Array;
}

export interface TamperOptions {
  readonly signers: Signers;
  /** Version that was installed before. */
  readonly installed: string;
  /** Positions in each file, each header and the archive at which something is changed. */
  readonly positions: number;
}

const NEXT = '3.0.0';

export function newer({ installed }: Pick<TamperOptions, 'installed'>) {
  if (installed >= NEXT) throw new RangeError(`${installed} is too new`);
  return (manifest: Writable<Manifest>) => {
    manifest.version = NEXT;
  };
}

/** Paths that no bundle may have. */
export const ESCAPING = [
  '../evil',
  '../../etc/cron.d/evil',
  '/etc/passwd',
  './model.onnx',
  'golden/../../evil',
  'golden/..',
  '..',
  '.',
  '',
  '/',
  'golden//0.png',
  'golden/0.png/',
  'golden\\..\\evil',
  '..\\evil',
  'C:\\evil',
  'C:evil',
  '~/evil',
  '.ssh/authorized_keys',
  'a\nb',
  'a b',
  'päth',
  '-rf',
  'model.onnx\u0001',
  '....//evil',
  '%2e%2e/evil',
  '$(evil)',
  '`evil`',
  'golden/.hidden',
  '\\\\host\\share',
  'a;b',
  '*',
];
/** At most `count` places in so many bytes, the first and the last among them. */
export function spread(length: number, count: number): number[] {
  const places = Array.from({ length: Math.min(count, length) }, (_, i, all = Math.min(count, length)) =>
    all === 1 ? 0 : Math.floor((i * (length - 1)) / (all - 1)),
  );
  return [...new Set(places)];
}

export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = Buffer.from(bytes);
  changed[at]! ^= 1;
  return changed;
}

export function replaced(entries: readonly Entry[], index: number, bytes: Uint8Array): Entry[] {
  return entries.map((entry, i) => (i === index ? [entry[0], bytes] : entry));
}
