// Starts the command line. In a checkout it is built first, when the sources are newer than what was built.
import { existsSync } from 'node:fs';

/** `argv` as in `process.argv`. */
export async function launch(argv) {
  if (existsSync(new URL('../src/cli.ts', import.meta.url))) {
    const { ensurePackages } = await import('../scripts/setup.mjs');
    const { ensureBuilt } = await import('../scripts/build.mjs');
    if (!ensurePackages() || !ensureBuilt()) process.exit(1);
  }
  const { main } = await import('../dist/src/cli.js');
  await main(argv);
}
