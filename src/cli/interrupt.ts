/** Exit code of a command that was ended by Ctrl-C before it was done. */
export const INTERRUPTED = 130;

/**
 * Runs `work` with a signal that the first Ctrl-C (or SIGTERM) aborts, so that it can bring what it has to a good end.
 * The second one ends the process at once.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    controller.abort();
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}
