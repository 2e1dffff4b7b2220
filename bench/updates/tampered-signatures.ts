import { MANIFEST_FILE } from '../../src/model/manifest.js';
import { archiveOf, type Entry, type Signers, type SmallBundle, signaturesOf, smallBundle } from './small-bundle.js';
import { flipped, replaced, spread, type Tampered, type TamperOptions } from './tampering.js';

export function* changedSignatures(
  { entries }: SmallBundle,
  { signers, positions }: TamperOptions,
): Generator<Tampered> {
  const [manifest, ...rest] = entries as [Entry, ...Entry[]];
  const files = rest.filter(([path]) => !path.endsWith('.minisig'));
  const signedBy = (...keys: Signers['trusted']) =>
    archiveOf([manifest, ...signaturesOf(MANIFEST_FILE, manifest[1], keys), ...files]);
  const [alice, bob] = signers.trusted as [Signers['stranger'], Signers['stranger']];
  yield { what: 'no signature', code: 'SG_BUNDLE_UNSIGNED', archive: signedBy() };
  yield { what: 'too few signatures', code: 'SG_BUNDLE_UNTRUSTED', archive: signedBy(alice) };
  yield { what: 'a stranger signed', code: 'SG_BUNDLE_UNTRUSTED', archive: signedBy(signers.stranger) };
  yield {
    what: 'a stranger and one that is trusted',
    code: 'SG_BUNDLE_UNTRUSTED',
    archive: signedBy(alice, signers.stranger),
  };
  yield { what: 'one key signed twice', code: 'SG_BUNDLE_UNTRUSTED', archive: signedBy(alice, alice) };
  yield {
    what: 'a revoked key and one that is trusted',
    code: 'SG_BUNDLE_KEY_REVOKED',
    archive: signedBy(alice, signers.revoked),
  };
  const impostor = { ...signers.stranger, id: bob.id };
  yield {
    what: 'a stranger with the id of a trusted key',
    code: 'SG_BUNDLE_SIGNATURE',
    archive: signedBy(alice, impostor),
  };
  const other = smallBundle({ signers: [alice, bob] });
  const foreign = other.entries.filter(([path]) => path.endsWith('.minisig'));
  yield {
    what: 'signatures of another bundle',
    code: 'SG_BUNDLE_SIGNATURE',
    archive: archiveOf([manifest, ...foreign, ...files]),
  };
  const many = Array.from(
    { length: 17 },
    (_, i): Entry => [`${MANIFEST_FILE}.k${String(i).padStart(2, '0')}.minisig`, foreign[0]![1]],
  );
  yield { what: 'too many signatures', code: 'SG_BUNDLE_TOO_LARGE', archive: archiveOf([manifest, ...many, ...files]) };
  const huge: Entry = [`${MANIFEST_FILE}.minisig`, Buffer.alloc(20_000, 'x')];
  yield { what: 'a signature of 20 kB', code: 'SG_BUNDLE_TOO_LARGE', archive: archiveOf([manifest, huge, ...files]) };

  for (const [index, [path, bytes]] of entries.entries()) {
    if (!path.endsWith('.minisig')) continue;
    const lines = Buffer.from(bytes).toString('latin1').split('\n');
    const begin = lines.map((_, i) => lines.slice(0, i).join('\n').length + (i === 0 ? 0 : 1));
    for (const at of spread(bytes.byteLength - 1, positions)) {
      // What the first line says behind its head is signed by nobody. The key's id is in the second: see below.
      const inComment = at >= 'untrusted comment: '.length && at < begin[1]!;
      const inKeyId = at >= begin[1]! + 2 && at < begin[1]! + 14;
      if (inComment || inKeyId) continue;
      const archive = archiveOf(replaced(entries, index, flipped(bytes, at)));
      yield { what: `${path}: byte ${at} changed`, code: 'SG_BUNDLE_SIGNATURE', archive };
    }
    const renamed = Buffer.from(lines[1]!, 'base64');
    for (let at = 2; at < 10; at++) {
      const text = [lines[0], Buffer.from(flipped(renamed, at)).toString('base64'), ...lines.slice(2)].join('\n');
      const archive = archiveOf(replaced(entries, index, Buffer.from(text)));
      yield { what: `${path}: key id ${at} changed`, code: 'SG_BUNDLE_UNTRUSTED', archive };
    }
  }
}

/** Every field, changed by somebody without a key, and by somebody with a key of his own. */
export function* changedManifests({ entries, manifest }: SmallBundle, { signers }: TamperOptions): Generator<Tampered> {
  const rest = entries.filter(([path]) => path !== MANIFEST_FILE);
  const files = rest.filter(([path]) => !path.endsWith('.minisig'));
  for (const path of leaves(manifest)) {
    const text = Buffer.from(`${JSON.stringify(withChange(manifest, path), null, 2)}\n`);
    const what = `manifest: ${path.join('.')} changed`;
    yield { what, code: 'SG_BUNDLE_SIGNATURE', archive: archiveOf([[MANIFEST_FILE, text], ...rest]) };
    const forged = signaturesOf(MANIFEST_FILE, text, [signers.stranger, signers.revoked]);
    yield {
      what: `${what} and signed anew`,
      code: 'SG_BUNDLE_UNTRUSTED',
      archive: archiveOf([[MANIFEST_FILE, text], ...forged, ...files]),
    };
  }
}

type Json = { [key: string]: unknown };

function leaves(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [[...path]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

/** A copy in which one value is another one. */
function withChange(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return typeof value === 'number' ? value + 1 : `${String(value)}x`;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as Json) }) as Json;
  copy[key] = withChange(copy[key], rest);
  return copy;
}
