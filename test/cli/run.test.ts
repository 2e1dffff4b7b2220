import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { freePort } from '../publish/support/mosquitto.js';
import { writeBrightnessBundle } from '../support/brightness-bundle.js';
import { sideglance } from './command.js';

let folder: string;
let config: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sideglance-run-'));
  config = join(folder, 'config.yaml');
  await writeBrightnessBundle(join(folder, 'bundle'));
  writeFileSync(
    config,
    `device: { site: s, line: l, name: n }
mqtt: { embedded: { port: ${await freePort()} } }
stations:
  - name: top
    model: bundle
    camera: { type: simulated, width: 128, height: 128, partsPerSecond: 10 }
`,
  );
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Resolves once the process has printed `pattern` to standard output; fails when it ends before. */
function until(child: ChildProcess, pattern: RegExp): Promise<void> {
  let [text, errors] = ['', ''];
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  return new Promise((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (pattern.test(text)) resolve();
    });
    child.once('exit', (code, signal) => reject(new Error(`ended with ${code ?? signal}: ${text}${errors}`)));
  });
}

function isGroupAlive(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch {
    return false;
  }
}

const STARTS: readonly (readonly [name: string, command: string, args: () => string[]])[] = [
  ['npm start', 'npm', () => ['start', '--', '-c', config]],
  ['sideglance run', process.execPath, () => [join(PACKAGE_ROOT, 'bin', 'sideglance.mjs'), 'run', '-c', config]],
];

describe('the daemon from the command line', () => {
  for (const [name, command, args] of STARTS) {
    // A terminal sends Ctrl-C to every process of the group: npm, its shell, the daemon and the stations.
    it(`${name} inspects parts, and Ctrl-C ends it with 0 and leaves no process`, { timeout: 60_000 }, async () => {
      const child = spawn(command, args(), { cwd: PACKAGE_ROOT, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
      const group = child.pid as number;
      try {
        const ended = once(child, 'exit');
        await until(child, /^.*\btop\b.*\b(pass|fail)\b/im);
        process.kill(-group, 'SIGINT');
        assert.deepEqual(await ended, [0, null]);
        assert.equal(isGroupAlive(group), false, 'a process is left');
      } finally {
        if (isGroupAlive(group)) process.kill(-group, 'SIGKILL');
      }
    });
  }

  it('a faulty configuration ends it with 2 and the place of every fault, before any camera opens', async () => {
    const faulty = join(folder, 'faulty.yaml');
    writeFileSync(
      faulty,
      'device: { site: s, line: l }\nstations:\n  - { name: a, camera: { type: simulatd }, model: bundle }\n',
    );
    const { code, stdout, stderr } = await sideglance(['run', '-c', 'faulty.yaml'], { cwd: folder });
    assert.deepEqual([code, stdout], [2, '']);
    assert.equal(
      stderr,
      'error: the configuration has 2 faults (SG_CONFIG_INVALID)\n' +
        'faulty.yaml:1:9 device.name is missing\n' +
        'faulty.yaml:3:32 stations[0].camera.type must be simulated, v4l2, rtsp, gige, csi, files or pipeline, is "simulatd"; did you mean simulated?\n',
    );
  });
});
