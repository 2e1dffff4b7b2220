import { setImmediate } from 'node:timers/promises';

/** Work that holds up the event loop, in pieces: whoever drives it may let something else happen in between. */
export type Pieces<Result> = Generator<undefined, Result>;

/** Does all of it at once. */
export function allAtOnce<Result>(pieces: Pieces<Result>): Result {
  let piece = pieces.next();
  while (!piece.done) piece = pieces.next();
  return piece.value;
}

/** Lets the event loop go on after each `holdMs` of it, a piece more or less. */
export async function withPauses<Result>(pieces: Pieces<Result>, holdMs: number): Promise<Result> {
  let begun = performance.now();
  let piece = pieces.next();
  while (!piece.done) {
    if (performance.now() - begun >= holdMs) {
      await setImmediate();
      begun = performance.now();
    }
    piece = pieces.next();
  }
  return piece.value;
}
