/** Scores one frame in a process of its own and prints the megabytes that this has taken: `memory.js WIDTH HEIGHT`. */
import { readFileSync } from 'node:fs';
import { Frame } from './frames.js';

const [width, height] = process.argv.slice(2).map(Number) as [number, number];
const frame = await Frame.open({ width, height }, 1);
const before = megabytes('VmRSS');
await frame.time();
console.log(Math.round(megabytes('VmHWM') - before));
await frame.scorer.close();

/** A line of proc(5). */
function megabytes(name: 'VmRSS' | 'VmHWM'): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(found?.[1]) / 1024;
}
