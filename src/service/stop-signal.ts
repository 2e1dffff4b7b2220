/** A Ctrl-C may reach the process twice, from the terminal and from the `npm` that started it. */
const SAME_SIGNAL_WITHIN_MS = 500;

/** Settles with the first signal to stop. A later one, unless it is the same sent twice, ends the process at once. */
export function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((done) => {
    let firstAtMs: number | null = null;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        firstAtMs ??= performance.now();
        if (performance.now() - firstAtMs <= SAME_SIGNAL_WITHIN_MS) done(signal);
        else {
          // The default action, and with it the exit status that a shell expects. The kernel ends the stations.
          process.removeAllListeners(signal);
          process.kill(process.pid, signal);
        }
      });
    }
  });
}
