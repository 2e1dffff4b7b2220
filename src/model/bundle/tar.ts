import { SideglanceError } from '../../errors.js';
import { PLAIN_PATH } from '../manifest.js';

/**
 * The tape archive of a bundle (POSIX.1-1988 `ustar`): ordinary files with plain paths, nothing else. The same contents give
 * the same bytes, and `tar -tf` lists them.
 */

const BLOCK = 512;
const REGULAR = '0';
/** Of what an archiver fills up its last record with. */
const MAX_TRAILING_BYTES = 20 * BLOCK;
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  kind: [156, 1],
  magic: [257, 8],
  prefix: [345, 155],
} as const;
const MAGIC = 'ustar\x0000';
const OTHER_KINDS: Readonly<Record<string, string>> = {
  1: 'a link',
  2: 'a symbolic link',
  3: 'a character device',
  4: 'a block device',
  5: 'a folder',
  6: 'a pipe',
};

export interface TarEntry {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

/** The header of a file. @throws RangeError for a path that does not fit */
export function tarHeader({ path, size }: TarEntry): Buffer {
  const header = Buffer.alloc(BLOCK);
  const write = (field: keyof typeof FIELDS, text: string) =>
    header.write(text, FIELDS[field][0], FIELDS[field][1], 'latin1');
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
  const [prefix, name] = splitPath(path);
  write('name', name);
  write('mode', octal(0o644, 7));
  write('uid', octal(0, 7));
  write('gid', octal(0, 7));
  write('size', octal(size, 11));
  write('mtime', octal(0, 11));
  write('kind', REGULAR);
  write('magic', MAGIC);
  write('prefix', prefix);
  write('checksum', `${octal(checksumOf(header), 6)}\0 `);
  return header;
}

/** What follows a file's bytes. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc(paddingOf(size));
}

/** What ends an archive. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK);

/** A path of more than 100 bytes is kept in two fields, cut at a slash. */
function splitPath(path: string): [string, string] {
  const [, nameBytes] = FIELDS.name;
  if (path.length <= nameBytes) return ['', path];
  const at = path.indexOf('/', path.length - nameBytes - 1);
  if (at < 0 || at > FIELDS.prefix[1]) throw new RangeError(`the path ${path} does not fit into an archive`);
  return [path.slice(0, at), path.slice(at + 1)];
}

/**
 * Reads an archive from beginning to end without keeping it. Refuses whatever `tarHeader` would not have written, times and
 * owners aside.
 */
export class TarReader {
  readonly #where: string;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #ahead: Uint8Array = new Uint8Array(0);
  /** Bytes of the present file that were not read yet. */
  #left = 0;
  #padding = 0;

  /** @param where the archive, for messages */
  constructor(chunks: AsyncIterable<Uint8Array>, where: string) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#where = where;
  }

  /**
   * The next file; null at the end of the archive. The bytes of the one before have to be read by then.
   * @throws SideglanceError `SG_BUNDLE_ARCHIVE`, `SG_BUNDLE_PATH`, `SG_BUNDLE_ENTRY_KIND`
   */
  async next(): Promise<TarEntry | null> {
    if (this.#left > 0) throw new Error('the file before was not read to its end');
    const padding = await this.#take(this.#padding);
    if (!isZero(padding)) throw this.#refuse('has something between its files');
    const header = await this.#take(BLOCK);
    if (isZero(header)) {
      await this.#expectEnd();
      return null;
    }
    const entry = this.#parse(header);
    this.#left = entry.size;
    this.#padding = paddingOf(entry.size);
    return entry;
  }

  /** The bytes of the present file. Has to be read to its end. @throws SideglanceError `SG_BUNDLE_ARCHIVE` */
  async *bytes(): AsyncGenerator<Uint8Array> {
    while (this.#left > 0) {
      const chunk = await this.#some(this.#left);
      this.#left -= chunk.byteLength;
      yield chunk;
    }
  }

  /** Lets go of what the archive is read from. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  #parse(header: Buffer): TarEntry {
    const text = (field: keyof typeof FIELDS) => {
      const [at, length] = FIELDS[field];
      return header.toString('latin1', at, at + length);
    };
    if (octalOf(text('checksum')) !== checksumOf(header))
      throw this.#refuse('has a header that is damaged, or is no archive at all');
    const path = [text('prefix'), text('name')]
      .map(untilZero)
      .filter((part) => part !== '')
      .join('/');
    const kind = text('kind');
    if (kind !== REGULAR && kind !== '\0') {
      const what = OTHER_KINDS[kind] ?? 'something other than a file';
      throw new SideglanceError(
        'SG_BUNDLE_ENTRY_KIND',
        `${this.#where} holds ${what}, ${JSON.stringify(path)}. ${PACK_IT}`,
      );
    }
    if (text('magic') !== MAGIC) throw this.#refuse('is not in the ustar format');
    if (!PLAIN_PATH.test(path)) {
      throw new SideglanceError(
        'SG_BUNDLE_PATH',
        `${this.#where} holds the path ${JSON.stringify(path)}, which is not plain. ${PACK_IT}`,
      );
    }
    const size = octalOf(text('size'));
    if (size === null) throw this.#refuse(`says no size of ${path}`);
    return { path, size };
  }

  /** After the first empty block: another one, and then nothing but zeros of the last record. */
  async #expectEnd(): Promise<void> {
    let zeros = await this.#take(BLOCK);
    for (let bytes = 0; ; bytes += zeros.byteLength) {
      if (!isZero(zeros) || bytes > MAX_TRAILING_BYTES) throw this.#refuse('goes on after its end');
      const more = await this.#fill();
      if (!more) return;
      zeros = Buffer.from(this.#ahead);
      this.#ahead = new Uint8Array(0);
    }
  }

  /** At least one byte, at most `most`. */
  async #some(most: number): Promise<Uint8Array> {
    if (!(await this.#fill())) throw this.#refuse('is truncated');
    const chunk = this.#ahead.subarray(0, most);
    this.#ahead = this.#ahead.subarray(chunk.byteLength);
    return chunk;
  }

  async #take(length: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for (let left = length; left > 0; left -= parts.at(-1)!.byteLength) parts.push(await this.#some(left));
    return Buffer.concat(parts);
  }

  /** Whether there is another byte. */
  async #fill(): Promise<boolean> {
    while (this.#ahead.byteLength === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) return false;
      this.#ahead = value;
    }
    return true;
  }

  #refuse(what: string): SideglanceError {
    return new SideglanceError('SG_BUNDLE_ARCHIVE', `${this.#where} ${what}. ${PACK_IT}`);
  }
}

const PACK_IT = 'Copy it again, or pack it anew with `sideglance model pack`';

/** Of the header with blanks in place of its checksum. */
function checksumOf(header: Buffer): number {
  const [at, length] = FIELDS.checksum;
  let sum = length * 32;
  for (let i = 0; i < BLOCK; i++) if (i < at || i >= at + length) sum += header[i]!;
  return sum;
}

function octalOf(field: string): number | null {
  return /^[0-7]+[\0 ]*$/.test(field) ? Number.parseInt(field, 8) : null;
}

function untilZero(field: string): string {
  const end = field.indexOf('\0');
  return end < 0 ? field : field.slice(0, end);
}

function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
