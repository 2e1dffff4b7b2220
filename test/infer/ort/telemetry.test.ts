import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

test('a process that runs the runtime reports to nobody, and leaves nothing behind', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sideglance-telemetry-'));
  const program = `import('${new URL('../../../src/infer/ort/runtime.js', import.meta.url)}').then(async ({ runtimeFacts }) => {
    console.log(runtimeFacts(undefined).version, process.env.ORT_DISABLE_TELEMETRY);
    const { Session } = await import('${new URL('../../../src/infer/ort/session.js', import.meta.url)}');
    await Session.create(new Uint8Array(4), { provider: 'cpu' }).catch(() => {});
  })`;
  const env: NodeJS.ProcessEnv = { ...process.env, TMPDIR: folder, HOME: folder, XDG_CACHE_HOME: folder };
  delete env.ORT_DISABLE_TELEMETRY;
  const said = execFileSync(process.execPath, ['-e', program], { env, encoding: 'utf8' });
  assert.match(said, /^\d+\.\d+\.\d+ 1\n$/);
  assert.deepEqual(readdirSync(folder), []);
  rmSync(folder, { recursive: true });
});
