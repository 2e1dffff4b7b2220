import { constants, setPriority } from 'node:os';

/**
 * What this thread does from now on is done when nothing else wants the processor; on Linux, of this thread and those that it
 * makes. A sandbox may forbid it: it competes with the others then.
 */
export function takeLowPriority(): void {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // As well as it goes.
  }
}
