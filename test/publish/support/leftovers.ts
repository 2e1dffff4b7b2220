import { after } from 'node:test';

const open: (() => Promise<unknown>)[] = [];

/** Closes it at the end of the test file, newest first, in case a failed test did not; closing twice must do no harm. */
export function closeAtTheEnd(close: () => Promise<unknown>): void {
  open.push(close);
}

after(async () => {
  for (const close of open.reverse()) await close();
});
