import { loadLibrary } from '../native/library.js';

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/**
 * Asks the kernel to kill this process when its parent dies. The closing of the message channel says the same, but only to
 * a process whose JavaScript thread still runs; one that is stuck in native code would live on as an orphan and keep the
 * camera. Linux only; elsewhere it does nothing.
 *
 * Source: prctl(2), PR_SET_PDEATHSIG.
 * @throws SideglanceError SG_NATIVE_LIBRARY where the C library cannot be loaded
 */
export function dieWithParent(): void {
  if (process.platform !== 'linux') return;
  const libc = loadLibrary({
    title: 'the C library',
    candidates: ['libc.so.6', 'libc.so'],
    packageName: 'the system',
    fix: 'use a Linux with glibc or musl',
  });
  const prctl = libc.declare<[number, string, number], number>('int prctl(int option, ...)');
  prctl(PR_SET_PDEATHSIG, 'unsigned long', SIGKILL);
}
