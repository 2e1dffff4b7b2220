import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { loadLibrary } from '../../src/native/library.js';

const PTRACE_SEIZE = 0x4206;

/**
 * Makes a process one that cannot be ended, as one that hangs in a driver: its death is told to a tracer, who keeps it to
 * himself. Returns what lets go of it.
 *
 * Source: ptrace(2), "Death under ptrace".
 */
export async function holdDeath(pid: number): Promise<() => Promise<void>> {
  const tracer = spawn(process.execPath, [fileURLToPath(import.meta.url), String(pid)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const isHeld = await Promise.race([
    once(tracer.stdout, 'data').then(() => true),
    once(tracer, 'exit').then(() => false),
  ]);
  if (!isHeld) throw new Error(`the process ${pid} cannot be traced: it has ended already, or the system forbids it`);
  return async () => {
    const ended = once(tracer, 'exit');
    tracer.kill('SIGKILL');
    await ended;
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const libc = loadLibrary({ title: 'C', candidates: ['libc.so.6'], packageName: 'the system', fix: '' });
  const ptrace = libc.declare<[number, number, null, null], number>(
    'long ptrace(int request, int pid, void *address, void *data)',
  );
  if (ptrace(PTRACE_SEIZE, Number(process.argv[2]), null, null) !== 0) process.exit(1);
  console.log('held');
  setInterval(() => {}, 1_000_000);
}
