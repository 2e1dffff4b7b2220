/** The moments between two parts, of which there are several a second also where no part comes. */
export class Borders {
  #waiting: (() => void)[] = [];

  /** Settles at the next one. */
  next(): Promise<void> {
    return new Promise((done) => this.#waiting.push(done));
  }

  /** To be called at each. */
  pass(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done();
  }
}
