import type { LibrarySource } from './library.js';

export const C_LIBRARY: LibrarySource = {
  title: 'the C library',
  candidates: ['libc.so.6', 'libc.so'],
  packageName: 'the system',
  fix: 'use a Linux with glibc or musl',
};
