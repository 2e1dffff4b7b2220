import { GrowingFile } from './growing-file.js';

/** The unit that a disk writes whole. */
const SECTOR_BYTES = 512;

interface Write {
  readonly key: string;
  readonly offset: number;
  readonly bytes: Buffer;
  hasReturned: boolean;
}

/** A file as it is on the disk for sure, and the writes that may or may not have got there. */
export class DiskImage {
  readonly #durable = new GrowingFile();
  /** The last one that was asked for. */
  readonly #after = new GrowingFile();
  #pending: Write[] = [];
  readonly #syncs = new Map<string, number>();

  write(key: string, offset: number, bytes: Buffer): void {
    this.#pending.push({ key, offset, bytes, hasReturned: false });
  }

  /** The write has returned; `isSynced`: it lies on the disk, it alone. */
  written(key: string, isSynced: boolean): void {
    const at = this.#pending.findIndex((write) => write.key === key);
    const write = this.#pending[at];
    if (!write) return;
    write.hasReturned = true;
    if (!isSynced) return;
    this.#pending.splice(at, 1);
    this.#durable.write(write.offset, write.bytes);
  }

  /** A sync begins: it is about everything that was written until now. */
  sync(key: string): void {
    this.#syncs.set(key, this.#pending.length);
  }

  synced(key: string): void {
    for (const { offset, bytes } of this.#pending.splice(0, this.#syncs.get(key) ?? 0)) {
      this.#durable.write(offset, bytes);
    }
    this.#syncs.clear();
  }

  /**
   * Whether a file is what the kernel may have in memory: every write that has returned, and any part of those that were under way
   * when the process ended.
   */
  explains(file: Buffer): boolean {
    const returned = this.#with(this.#pending.filter(({ hasReturned }) => hasReturned));
    const all = this.#with(this.#pending);
    const isLength = file.byteLength === returned.byteLength || file.byteLength === all.byteLength;
    return isLength && file.every((byte, at) => byte === returned[at] || byte === all[at]);
  }

  /**
   * What a power cut leaves: everything that was synced, and of the rest nothing, or whichever sectors `keeps` says, each
   * with the writes to it up to one of them. It is there until the image is asked or told something else.
   */
  afterPowerCut(keeps: (() => boolean) | null): Buffer {
    if (keeps === null) return this.#durable.content;
    this.#after.become(this.#durable);
    const closed = new Set<number>();
    for (const { offset, bytes: written } of this.#pending) {
      for (let at = 0; at < written.byteLength; ) {
        const sector = Math.floor((offset + at) / SECTOR_BYTES);
        const size = Math.min((sector + 1) * SECTOR_BYTES - offset - at, written.byteLength - at);
        if (!closed.has(sector)) {
          if (keeps()) this.#after.write(offset + at, written.subarray(at, at + size));
          else closed.add(sector);
        }
        at += size;
      }
    }
    return this.#after.content;
  }

  #with(writes: readonly Write[]): Buffer {
    const file = new GrowingFile();
    file.become(this.#durable);
    for (const { offset, bytes } of writes) file.write(offset, bytes);
    return file.content;
  }
}
