import { ERROR_CODES, type ErrorCode, SideglanceError } from '../errors.js';
import type { Inspection, OrderOutcome, OrderResult, PartId } from '../types.js';

export const ORDER_LIMITS = {
  /** Orders without an answer; one more is refused. */
  maxOpen: 16,
} as const;

/** What came of an order: a trigger's part, or a result. */
export type OrderAnswer = { readonly kind: 'part'; readonly inspection: Inspection } | OrderResult;

interface Open {
  readonly done: (answer: OrderAnswer) => void;
  readonly failed: (error: SideglanceError) => void;
  readonly timer: NodeJS.Timeout;
}

/** The orders that a station was given and has not answered yet. Each is settled once, whatever becomes of the station. */
export class OpenOrders {
  readonly #open = new Map<number, Open>();
  /** Parts that an order has made, by their key: the part's answer is the order's. */
  readonly #parts = new Map<string, number>();
  #count = 0;

  /** @throws SideglanceError SG_COMMAND_BUSY where too many are open */
  open(withinMs: number): { readonly id: number; readonly answer: Promise<OrderAnswer> } {
    if (this.#open.size >= ORDER_LIMITS.maxOpen) {
      throw new SideglanceError('SG_COMMAND_BUSY', `${this.#open.size} commands are under way at this station: wait`);
    }
    const id = ++this.#count;
    const answer = new Promise<OrderAnswer>((done, failed) => {
      const text = `the station did not answer within ${withinMs} ms: look at its state`;
      const timer = setTimeout(() => this.#fail(id, new SideglanceError('SG_COMMAND_TIMEOUT', text)), withinMs);
      this.#open.set(id, { done, failed, timer });
    });
    return { id, answer };
  }

  /** What the station answered; nothing happens for an order that is not open (any more). */
  settle(id: number, outcome: OrderOutcome): void {
    if (outcome.ok) this.#take(id)?.done(outcome.result);
    else this.#fail(id, new SideglanceError(codeOf(outcome.code), outcome.message));
  }

  /** The order has made this part. */
  accepted(id: number, part: PartId): void {
    if (this.#open.has(id)) this.#parts.set(keyOf(part), id);
  }

  /** The part was answered, by the station or in its place. */
  answered(inspection: Inspection): void {
    const id = this.#parts.get(keyOf(inspection.part));
    if (id === undefined) return;
    this.#parts.delete(keyOf(inspection.part));
    this.#take(id)?.done({ kind: 'part', inspection });
  }

  /** The station is gone. */
  lose(reason: string): void {
    this.#parts.clear();
    for (const id of [...this.#open.keys()]) this.#fail(id, new SideglanceError('SG_STATION_LOST', reason));
  }

  #fail(id: number, error: SideglanceError): void {
    this.#take(id)?.failed(error);
  }

  #take(id: number): Open | undefined {
    const open = this.#open.get(id);
    clearTimeout(open?.timer);
    this.#open.delete(id);
    return open;
  }
}

/** A station whose memory is damaged may say anything. */
function codeOf(code: string): ErrorCode {
  return Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'SG_COMMAND_FAILED';
}

function keyOf({ epoch, sequence }: PartId): string {
  return `${epoch}/${sequence}`;
}
