import { tarHeader } from '../../src/model/bundle/tar.js';
import { MANIFEST_FILE, MODEL_FILE } from '../../src/model/manifest.js';
import { signedFaults } from './signed-faults.js';
import { archiveOf, type Entry, type SmallBundle, smallBundle } from './small-bundle.js';
import { changedManifests, changedSignatures } from './tampered-signatures.js';
import { ESCAPING, flipped, newer, replaced, spread, type Tampered, type TamperOptions } from './tampering.js';

/** All kinds of tampering; a few hundred to a few thousand archives, by the number of positions. */
export function* tampered(options: TamperOptions): Generator<Tampered> {
  const { signers } = options;
  const good = smallBundle({ signers: signers.trusted.slice(0, 2), edit: newer(options) });
  yield* changedFiles(good, options.positions);
  yield* changedHeaders(good, options.positions);
  yield* changedSignatures(good, options);
  yield* changedManifests(good, options);
  yield* truncated(good, options.positions);
  yield* rearranged(good);
  yield* strangeEntries(good);
  yield* signedFaults(options);
}

function* changedFiles({ entries }: SmallBundle, positions: number): Generator<Tampered> {
  for (const [index, [path, bytes]] of entries.entries()) {
    if (path.endsWith('.minisig')) continue;
    const code = path === MANIFEST_FILE ? 'SG_BUNDLE_SIGNATURE' : 'SG_BUNDLE_DIGEST';
    for (const at of spread(bytes.byteLength, positions)) {
      yield {
        what: `${path}: byte ${at} changed`,
        code,
        archive: archiveOf(replaced(entries, index, flipped(bytes, at))),
      };
    }
    yield {
      what: `${path}: one byte more`,
      code,
      archive: archiveOf(replaced(entries, index, Buffer.concat([bytes, Buffer.from('x')]))),
    };
    yield { what: `${path}: one byte less`, code, archive: archiveOf(replaced(entries, index, bytes.subarray(1))) };
    yield { what: `${path}: empty`, code, archive: archiveOf(replaced(entries, index, new Uint8Array(0))) };
  }
}

/** Bytes of the headers, and of what fills up files and the archive. */
function* changedHeaders({ entries }: SmallBundle, positions: number): Generator<Tampered> {
  const archive = archiveOf(entries);
  let start = 0;
  for (const [path, bytes] of entries) {
    for (const at of spread(512, positions)) {
      yield {
        what: `header of ${path}: byte ${at} changed`,
        code: 'SG_BUNDLE_ARCHIVE',
        archive: flipped(archive, start + at),
      };
    }
    const end = start + 512 + bytes.byteLength;
    const next = start + 512 + Math.ceil(bytes.byteLength / 512) * 512;
    if (end < next)
      yield { what: `after ${path}: padding changed`, code: 'SG_BUNDLE_ARCHIVE', archive: flipped(archive, end) };
    start = next;
  }
  yield { what: 'end changed', code: 'SG_BUNDLE_ARCHIVE', archive: flipped(archive, archive.byteLength - 5) };
  yield {
    what: 'something after the end',
    code: 'SG_BUNDLE_ARCHIVE',
    archive: Buffer.concat([archive, Buffer.from('more')]),
  };
  yield {
    what: 'zeros without end',
    code: 'SG_BUNDLE_ARCHIVE',
    archive: Buffer.concat([archive, Buffer.alloc(1 << 20)]),
  };
}

function* truncated({ entries }: SmallBundle, positions: number): Generator<Tampered> {
  const archive = archiveOf(entries);
  for (const at of spread(archive.byteLength, positions)) {
    yield { what: `cut off after ${at} bytes`, code: 'SG_BUNDLE_ARCHIVE', archive: archive.subarray(0, at) };
  }
}

function* rearranged({ entries }: SmallBundle): Generator<Tampered> {
  const code = 'SG_BUNDLE_ARCHIVE';
  for (const [i, entry] of entries.entries()) {
    const without = entries.filter((_, at) => at !== i);
    for (let to = 0; to < entries.length; to++) {
      if (to === i) continue;
      const order = [...without.slice(0, to), entry, ...without.slice(to)];
      // A signature that comes late is missing at first.
      const before = order.slice(
        1,
        order.findIndex(([path]) => !path.startsWith(MANIFEST_FILE)),
      );
      const complete = before.filter(([path]) => path.endsWith('.minisig')).length === 2;
      const late = order[0]![0] === MANIFEST_FILE && !complete;
      const sorted = before.every(([path], at) => at === 0 || path > before[at - 1]![0]);
      const why = late && sorted ? (before.length === 0 ? 'SG_BUNDLE_UNSIGNED' : 'SG_BUNDLE_UNTRUSTED') : code;
      yield { what: `${entry[0]} moved to place ${to}`, code: why, archive: archiveOf(order) };
    }
    const isSignature = entry[0].endsWith('.minisig');
    yield {
      what: `${entry[0]} left out`,
      code: isSignature ? 'SG_BUNDLE_UNTRUSTED' : code,
      archive: archiveOf(without),
    };
    // What stands where signatures belong ends them.
    const twice = i === 0 ? 'SG_BUNDLE_UNSIGNED' : code;
    yield {
      what: `${entry[0]} twice`,
      code: twice,
      archive: archiveOf([...entries.slice(0, i + 1), entry, ...entries.slice(i + 1)]),
    };
  }
  const extra: Entry = ['extra.txt', Buffer.from('x')];
  for (let at = 0; at <= entries.length; at++) {
    const inHead = at > 0 && at < 3;
    const order = [...entries.slice(0, at), extra, ...entries.slice(at)];
    const why = inHead ? (at === 1 ? 'SG_BUNDLE_UNSIGNED' : 'SG_BUNDLE_UNTRUSTED') : code;
    yield { what: `a file more at place ${at}`, code: why, archive: archiveOf(order) };
  }
}

const KINDS = ['1', '2', '3', '4', '5', '6', '7', 'x', 'g', 'L', 'K', 'S', 'V', 'A', 'Z', '8'];

/** Paths that lead elsewhere, links, devices and sizes that nobody has, at each place. */
function* strangeEntries({ entries }: SmallBundle): Generator<Tampered> {
  const firstFile = entries.findIndex(([path]) => path === MODEL_FILE);
  for (const at of [0, firstFile, entries.length]) {
    const insert = (header: Buffer, bytes: Uint8Array = new Uint8Array(0)) =>
      Buffer.concat([archiveOf(entries.slice(0, at)).subarray(0, -1024), header, bytes, archiveOf(entries.slice(at))]);
    for (const path of ESCAPING) {
      yield {
        what: `${JSON.stringify(path)} at place ${at}`,
        code: 'SG_BUNDLE_PATH',
        archive: insert(headerOf(path, 0, '0')),
      };
    }
    for (const kind of KINDS) {
      yield {
        what: `an entry of kind ${kind} at place ${at}`,
        code: 'SG_BUNDLE_ENTRY_KIND',
        archive: insert(headerOf('link', 0, kind, '/etc/passwd')),
      };
    }
  }
  for (const [index, [path]] of entries.entries()) {
    const before = archiveOf(entries.slice(0, index)).subarray(0, -1024);
    const bomb = Buffer.concat([before, headerOf(path, 8 ** 11 - 1, '0'), Buffer.alloc(4096)]);
    const isHead = path.startsWith(MANIFEST_FILE);
    yield {
      what: `${path} says it has 8 GiB`,
      code: isHead ? 'SG_BUNDLE_TOO_LARGE' : 'SG_BUNDLE_DIGEST',
      archive: bomb,
    };
  }
}

/** A header that `tarHeader` would not write. */
function headerOf(path: string, size: number, kind: string, target = ''): Buffer {
  const header = tarHeader({ path: 'x', size });
  header.fill(0, 0, 100);
  header.write(path, 0, 100, 'utf8');
  header.write(kind, 156, 'latin1');
  header.write(target, 157, 'latin1');
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}
