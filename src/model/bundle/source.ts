import type { FileHandle } from 'node:fs/promises';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { reasonOf, SideglanceError } from '../../errors.js';
import { type BundleFile, bundleLimits, MANIFEST_FILE } from '../manifest.js';
import { MINISIGN_LIMITS } from '../signing/minisign.js';
import { isSignatureOf, readSignatures, SIGNATURE_LIMITS, type SignatureFile } from '../signing/signature-files.js';
import { notPlain, openPlain, readSmallFile } from '../small-file.js';
import { PERMISSION_FILE, PERMISSION_LIMITS } from './permission.js';
import { type TarEntry, TarReader } from './tar.js';

/** The files that are read first: by them, everything can be refused before anything else is read. */
export interface BundleHead {
  readonly manifest: Uint8Array;
  readonly signatures: readonly SignatureFile[];
  /** To install it although a newer one was installed before. */
  readonly permission: SignedFile | null;
}

export interface SignedFile {
  readonly bytes: Uint8Array;
  readonly signatures: readonly SignatureFile[];
}

export interface ListedFile {
  readonly file: BundleFile;
  /** To be read to its end before the next file is asked for. May be less or more than `file` says. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** A bundle that somebody brought, as a folder or as an archive. Nothing about it is trusted. */
export interface BundleSource {
  /** Path, for messages. */
  readonly name: string;
  /** To be read first. @throws SideglanceError `SG_BUNDLE_…`, `SG_MODEL_UNREADABLE` */
  head(): Promise<BundleHead>;
  /**
   * What the manifest lists, in its order, and nothing else.
   * @throws SideglanceError `SG_BUNDLE_ARCHIVE`, `SG_BUNDLE_DIGEST` for a file of another size, `SG_BUNDLE_PATH`,
   * `SG_BUNDLE_ENTRY_KIND`
   */
  files(listed: readonly BundleFile[]): AsyncIterable<ListedFile>;
  close(): Promise<void>;
}

/** Whether a file belongs to the head, so that no manifest may list it. */
export function isHeadFile(path: string): boolean {
  return [MANIFEST_FILE, PERMISSION_FILE].some((signed) => path === signed || isSignatureOf(signed, path));
}

/** @throws SideglanceError `SG_MODEL_UNREADABLE` where there is nothing of this name */
export async function openSource(path: string): Promise<BundleSource> {
  const facts = await stat(path).catch((cause: unknown) => {
    throw new SideglanceError(
      'SG_MODEL_UNREADABLE',
      `the model bundle ${path} cannot be found: ${reasonOf(cause)}. Check the path`,
      { cause },
    );
  });
  if (facts.isDirectory()) return new FolderSource(path);
  const file = await openPlain(path);
  return new TarSource(path, readingOf(file));
}

export class FolderSource implements BundleSource {
  readonly name: string;

  constructor(folder: string) {
    this.name = folder;
  }

  async head(): Promise<BundleHead> {
    const path = join(this.name, MANIFEST_FILE);
    const manifest = await readSmallFile(path, bundleLimits.maxManifestBytes);
    const names = await readdir(this.name);
    return {
      manifest,
      signatures: await readSignatures(path),
      permission: names.includes(PERMISSION_FILE) ? await this.#permission() : null,
    };
  }

  async *files(listed: readonly BundleFile[]): AsyncGenerator<ListedFile> {
    const known = new Set(listed.map(({ path }) => path));
    for await (const path of walk(this.name, this.name)) {
      if (!known.has(path) && !isHeadFile(path)) throw unlisted(this.name, path);
    }
    for (const file of listed) {
      const handle = await openPlain(join(this.name, file.path));
      try {
        checkSize(file, (await handle.stat()).size, this.name);
        yield { file, chunks: readingOf(handle, { autoClose: false }) };
      } finally {
        await handle.close();
      }
    }
  }

  async close(): Promise<void> {}

  async #permission(): Promise<SignedFile> {
    const path = join(this.name, PERMISSION_FILE);
    return { bytes: await readSmallFile(path, PERMISSION_LIMITS.maxBytes), signatures: await readSignatures(path) };
  }
}

/** An archive that is read once, from beginning to end: from a file, or while it arrives. */
export class TarSource implements BundleSource {
  readonly name: string;
  readonly #reader: TarReader;
  /** The file after the head. */
  #pending: TarEntry | null = null;

  constructor(name: string, chunks: AsyncIterable<Uint8Array>) {
    this.name = name;
    this.#reader = new TarReader(chunks, name);
  }

  async head(): Promise<BundleHead> {
    this.#pending = await this.#reader.next();
    const manifest = await this.#signed(MANIFEST_FILE, bundleLimits.maxManifestBytes);
    if (manifest === null) throw refuse(this.name, `does not begin with ${MANIFEST_FILE}`);
    const permission = await this.#signed(PERMISSION_FILE, PERMISSION_LIMITS.maxBytes);
    return { manifest: manifest.bytes, signatures: manifest.signatures, permission };
  }

  async *files(listed: readonly BundleFile[]): AsyncGenerator<ListedFile> {
    for (const file of listed) {
      const entry = this.#pending;
      if (entry === null) throw refuse(this.name, `ends before ${file.path}`);
      if (entry.path !== file.path) {
        if (!listed.some(({ path }) => path === entry.path)) throw unlisted(this.name, entry.path);
        throw refuse(this.name, `has ${entry.path} where ${file.path} belongs`);
      }
      checkSize(file, entry.size, this.name);
      yield { file, chunks: this.#reader.bytes() };
      this.#pending = await this.#reader.next();
    }
    if (this.#pending !== null) throw unlisted(this.name, this.#pending.path);
  }

  async close(): Promise<void> {
    await this.#reader.close();
  }

  /** A file, if it is the next one, with the signatures that follow it in order. */
  async #signed(path: string, maxBytes: number): Promise<SignedFile | null> {
    if (this.#pending?.path !== path) return null;
    const bytes = await this.#readWhole(maxBytes);
    const signatures: SignatureFile[] = [];
    while (this.#pending !== null && isSignatureOf(path, this.#pending.path)) {
      const name = this.#pending.path;
      if (signatures.length === SIGNATURE_LIMITS.maxSignatures)
        throw tooLarge(this.name, `more than ${signatures.length} signatures`);
      if (signatures.length > 0 && name <= signatures.at(-1)!.name) throw refuse(this.name, `has ${name} out of order`);
      signatures.push({ name, text: (await this.#readWhole(MINISIGN_LIMITS.maxSignatureBytes)).toString('utf8') });
    }
    return { bytes, signatures };
  }

  /** The pending file; the next one is pending then. */
  async #readWhole(maxBytes: number): Promise<Buffer> {
    const { path, size } = this.#pending as TarEntry;
    if (size > maxBytes) throw tooLarge(this.name, `${path} of ${size} bytes, ${maxBytes} are allowed`);
    const parts: Uint8Array[] = [];
    for await (const chunk of this.#reader.bytes()) parts.push(chunk);
    this.#pending = await this.#reader.next();
    return Buffer.concat(parts);
  }
}

function readingOf(file: FileHandle, options: { readonly autoClose?: boolean } = {}): AsyncIterable<Uint8Array> {
  return file.createReadStream({ highWaterMark: 256 * 1024, ...options });
}

/** Every file in a folder, by its path from the root. @throws SideglanceError `SG_BUNDLE_ENTRY_KIND` */
async function* walk(root: string, folder: string): AsyncGenerator<string> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(root, path);
    else if (entry.isFile()) yield relative(root, path);
    else throw notPlain(path, entry.isSymbolicLink() ? 'is a link' : 'is a device or a pipe');
  }
}

function checkSize({ path, size }: BundleFile, found: number, where: string): void {
  if (found === size) return;
  throw new SideglanceError(
    'SG_BUNDLE_DIGEST',
    `${path} of ${where} has ${found} bytes, the manifest says ${size}: it was truncated or changed. Copy the bundle again`,
  );
}

function unlisted(where: string, path: string): SideglanceError {
  return refuse(where, `holds ${JSON.stringify(path)}, which its manifest does not list there`);
}

function refuse(where: string, what: string): SideglanceError {
  return new SideglanceError(
    'SG_BUNDLE_ARCHIVE',
    `${where} ${what}. Pack ${basename(where)} anew with \`sideglance model pack\``,
  );
}

function tooLarge(where: string, what: string): SideglanceError {
  return new SideglanceError('SG_BUNDLE_TOO_LARGE', `${where} holds ${what}. Make a smaller bundle`);
}
