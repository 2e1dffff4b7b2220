export const MEMORY_LIMITS = {
  /** Commands that are recognised when they come again; the oldest are forgotten first. */
  commands: 512,
  /** Of their answers, together. */
  answerBytes: 2 * 1024 * 1024,
} as const;

export type MemoryLimits = { readonly [Key in keyof typeof MEMORY_LIMITS]: number };

/** A command that was begun. */
export interface Remembered {
  /** Of what it asked for: another request under the same id is another one. */
  readonly digest: string;
  readonly state:
    | { readonly kind: 'under way' }
    /** The last run has begun it, and did not write down how it ended. */
    | { readonly kind: 'interrupted' }
    | { readonly kind: 'answered'; readonly answer: string };
}

/** Commands by the name that their sender gave them, so that none is carried out twice. */
export class CommandMemory {
  readonly #limits: MemoryLimits;
  readonly #known = new Map<string, Remembered>();
  #bytes = 0;

  constructor(limits: MemoryLimits = MEMORY_LIMITS) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#known.size;
  }

  find(key: string): Remembered | null {
    return this.#known.get(key) ?? null;
  }

  begin(key: string, digest: string): void {
    this.#set(key, { digest, state: { kind: 'under way' } });
  }

  /** @param answer null: nothing was written down */
  finish(key: string, digest: string, answer: string | null): void {
    this.#set(key, { digest, state: answer === null ? { kind: 'interrupted' } : { kind: 'answered', answer } });
  }

  /** Nothing was begun after all. */
  forget(key: string): void {
    this.#bytes -= bytesOf(this.#known.get(key));
    this.#known.delete(key);
  }

  #set(key: string, remembered: Remembered): void {
    this.forget(key);
    this.#known.set(key, remembered);
    this.#bytes += bytesOf(remembered);
    for (const [oldest, { state }] of this.#known) {
      if (this.#known.size <= this.#limits.commands && this.#bytes <= this.#limits.answerBytes) return;
      if (state.kind !== 'under way') this.forget(oldest);
    }
  }
}

function bytesOf(remembered: Remembered | undefined): number {
  return remembered?.state.kind === 'answered' ? remembered.state.answer.length : 0;
}
