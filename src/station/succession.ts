import type { FailedBundle } from '../types.js';
import { causeOf } from './loop.js';

/** A model that runs and can be let go. */
export interface Closable {
  close(): Promise<void>;
}

export interface SuccessionOptions<Model> {
  readonly folder: string;
  readonly model: Model;
  /** Loads the model in a folder and proves it. Must not hold up the event loop. */
  readonly load: (folder: string) => Promise<Model>;
  /** Of a model that does not take over. */
  readonly onRefused: (failed: FailedBundle) => void;
}

/**
 * The model in use and the one that follows it. That one is loaded and proven beside it, while parts go on, and takes over
 * only when {@link atBorder} is called: no part sees two models.
 */
export class Succession<Model extends Closable> {
  readonly #options: SuccessionOptions<Model>;
  #folder: string;
  #current: Model;
  /** Loaded and proven. */
  #next: { readonly folder: string; readonly model: Model } | null = null;
  #wanted: string;
  #isLoading = false;
  /** The last one that was let go, until it is gone. */
  #leaving: Promise<void> = Promise.resolve();

  constructor(options: SuccessionOptions<Model>) {
    this.#options = options;
    this.#folder = options.folder;
    this.#wanted = options.folder;
    this.#current = options.model;
  }

  get current(): Model {
    return this.#current;
  }

  /** The model in a folder is to take over. The newest wish counts; loads one at a time. */
  async want(folder: string): Promise<void> {
    this.#wanted = folder;
    if (this.#isLoading) return;
    this.#isLoading = true;
    while (this.#wanted !== this.#folder && this.#wanted !== this.#next?.folder) {
      this.#drop();
      await this.#prepare(this.#wanted);
    }
    this.#isLoading = false;
    if (this.#wanted === this.#folder) this.#drop();
  }

  /**
   * Between two parts: the next model takes over, where there is one.
   * @returns it and its folder; null where everything stays
   */
  atBorder(): { readonly folder: string; readonly model: Model } | null {
    const next = this.#next;
    if (next === null || next.folder !== this.#wanted) return null;
    this.#letGo(this.#current);
    this.#next = null;
    this.#current = next.model;
    this.#folder = next.folder;
    return next;
  }

  /** Frees everything; what is still being loaded is left to the end of the process. */
  async close(): Promise<void> {
    this.#wanted = this.#folder;
    this.#drop();
    await Promise.all([this.#leaving, this.#current.close()]);
  }

  async #prepare(folder: string): Promise<void> {
    try {
      const model = await this.#options.load(folder);
      this.#next = { folder, model };
    } catch (thrown) {
      if (this.#wanted === folder) this.#wanted = this.#folder;
      this.#options.onRefused({ folder, ...causeOf(thrown) });
    }
  }

  #drop(): void {
    if (this.#next !== null) this.#letGo(this.#next.model);
    this.#next = null;
  }

  #letGo(model: Model): void {
    // Nothing can be done about memory that does not come back, and the model that runs is not to blame.
    this.#leaving = Promise.all([this.#leaving, model.close()]).then(
      () => undefined,
      () => undefined,
    );
  }
}
