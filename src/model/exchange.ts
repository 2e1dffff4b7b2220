import { loadLibrary, type NativeFunction } from '../native/library.js';

const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;

type Renameat2 = NativeFunction<[number, string, number, string, number], number>;
let renameat2: Renameat2 | undefined;

/**
 * Exchanges two names in one step (renameat2(2), Linux ≥ 3.15, glibc ≥ 2.28), which Node has no call for. Both must
 * exist, on one file system.
 * @returns false where the file system or the C library cannot; nothing has changed then
 */
export function exchange(a: string, b: string): boolean {
  try {
    renameat2 ??= loadLibrary({
      title: 'the C library',
      candidates: ['libc.so.6'],
      packageName: 'glibc',
      fix: 'use a Linux system with glibc',
    }).declare('int renameat2(int, const char *, int, const char *, unsigned int)');
    return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) === 0;
  } catch {
    return false;
  }
}
