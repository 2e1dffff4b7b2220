import { closeSync, openSync, readSync } from 'node:fs';

/** `e_machine` of the ELF header (System V ABI) as Node names it in `process.arch`. */
const MACHINES: Readonly<Record<number, string>> = { 3: 'ia32', 40: 'arm', 62: 'x64', 183: 'arm64' };

/** What a file says of itself: the machine that its code is for, or that it holds no such code. */
export type ElfKind = { readonly arch: string } | 'missing' | 'no library';

/**
 * Reads the head of a file. The dynamic loader says "No such file or directory" of a library for another machine, and
 * of one that is there but lacks another; this tells them apart.
 */
export function elfKind(path: string): ElfKind {
  const head = Buffer.alloc(20);
  try {
    const file = openSync(path, 'r');
    try {
      readSync(file, head, 0, head.length, 0);
    } finally {
      closeSync(file);
    }
  } catch {
    return 'missing';
  }
  if (head.readUInt32BE(0) !== 0x7f454c46) return 'no library';
  const machine = head.readUInt16LE(18);
  return { arch: MACHINES[machine] ?? `machine ${machine}` };
}
