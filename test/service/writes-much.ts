/** Writes far more to standard output than a pipe holds, then says by IPC how long the event loop stood still. */
import { fstatSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Output } from '../../src/service/output.js';

// As the command line does; Node's own stream on the same descriptor must not get in the way.
process.stdout.on('error', () => {});

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
const output = new Output(1);
let lines = 0;
const timer = setInterval(() => {
  for (let i = 0; i < 100; i++) output.write(`${String(lines++).padStart(99, '0')}\n`);
  if (lines < 20_000) return;
  clearInterval(timer);
  const { max } = delay;
  const began = performance.now();
  void output.close().then(() => {
    // Whoever started the process may still have something to say there.
    fstatSync(1);
    const report = { stalledMs: max / 1e6, dropped: output.dropped, lines, closingMs: performance.now() - began };
    process.send?.(report, () => process.exit(0));
  });
}, 1);
