/** Does several things at once, and no more than so many. */
export class AtOnce {
  readonly #underWay = new Set<Promise<void>>();

  constructor(private readonly most: number) {}

  /**
   * Begins a thing, as soon as there is room for it.
   * @throws what one that was begun before has thrown
   */
  async begin(work: () => Promise<void>): Promise<void> {
    while (this.#underWay.size >= this.most) await Promise.race(this.#underWay);
    const done: Promise<void> = work().then(() => {
      this.#underWay.delete(done);
    });
    // It is looked at later, by `begin` or `end`.
    done.catch(() => {});
    this.#underWay.add(done);
  }

  /** Waits for everything. @throws what one of them has thrown */
  async end(): Promise<void> {
    await Promise.all(this.#underWay);
  }
}
