/** A file in memory; what is written behind its end makes it longer. */
export class GrowingFile {
  /** With room to grow: a file that is written piece by piece is not copied for each. */
  #bytes = Buffer.alloc(0);
  #length = 0;

  get content(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  write(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.byteLength;
    if (end > this.#bytes.byteLength) this.#reserve(2 * end);
    // The room may hold what was there before the file became another one.
    if (offset > this.#length) this.#bytes.fill(0, this.#length, offset);
    this.#bytes.set(bytes, offset);
    this.#length = Math.max(this.#length, end);
  }

  /** Takes the content of another file, in the room that this one has: fresh memory costs more than the copy. */
  become(other: GrowingFile): void {
    this.#length = 0;
    this.write(0, other.content);
  }

  #reserve(byteLength: number): void {
    const larger = Buffer.alloc(byteLength);
    larger.set(this.content);
    this.#bytes = larger;
  }
}
