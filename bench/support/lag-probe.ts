/*
 * Preloaded into every process of a daemon that is measured (`node --import`): watches how long its event loop stands still, finer
 * than the daemon itself does, and writes what it saw twice a second. SIGUSR2 begins anew.
 */
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 2;
const WRITE_EVERY_MS = 500;

const folder = process.env.SIDEGLANCE_LAG_FOLDER;
const program = basename(process.argv[1] ?? '');
if (folder !== undefined && ['agent-process.js', 'station.js'].includes(program)) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  process.on('SIGUSR2', () => delay.reset());
  const at = (percentile: number) => Math.max(0, delay.percentile(percentile) / 1e6 - RESOLUTION_MS);
  const write = async () => {
    const figures = { program, samples: delay.count, p50: at(50), p99: at(99), p999: at(99.9), most: at(100) };
    await writeFile(join(folder, `${process.pid}.json`), JSON.stringify(figures));
  };
  // Whoever reads it may have taken the folder away already.
  setInterval(() => void write().catch(() => {}), WRITE_EVERY_MS).unref();
}
