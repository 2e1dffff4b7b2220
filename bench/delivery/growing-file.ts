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
    this.#bytes.set(bytes, offset);
    this.#length = Math.max(this.#length, end);
  }

  copy(): GrowingFile {
    const copy = new GrowingFile();
    copy.write(0, this.content);
    return copy;
  }

  #reserve(byteLength: number): void {
    const larger = Buffer.alloc(byteLength);
    larger.set(this.content);
    this.#bytes = larger;
  }
}
