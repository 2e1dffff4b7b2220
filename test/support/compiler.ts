import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

/** Why libraries cannot be compiled here, for `skip`; false where they can. */
export const withoutCompiler: string | false =
  spawnSync('cc', ['--version']).status === 0 ? false : 'there is no C compiler (apt-get install gcc libc6-dev)';

/** Compiles C into a shared library at `path`; what stands in `flags` comes after the source. */
export function compileLibrary(path: string, source: string, flags: readonly string[] = []): void {
  const file = `${path}.c`;
  writeFileSync(file, source);
  execFileSync('cc', ['-shared', '-fPIC', '-o', path, file, ...flags]);
}
