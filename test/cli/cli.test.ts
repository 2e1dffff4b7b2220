import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CommanderError } from 'commander';
import { describeFailure } from '../../src/cli/failure.js';
import { SideglanceError } from '../../src/errors.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { sideglance } from './command.js';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sideglance-cli-'));
  mkdirSync(join(folder, 'bundle'));
  writeFileSync(join(folder, 'bundle', 'manifest.json'), '{}');
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Each command with what it cannot do without. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  run: [],
  train: ['--images', 'none', '--out', 'none'],
  evaluate: ['--model', 'none', '--dataset', 'none'],
  calibrate: ['--model', 'none', '--images', 'none'],
  inspect: ['--model', 'none', 'none.png'],
  'engine build': ['--model', 'none'],
  'model keygen': ['--out', 'none', '--no-password'],
  'model install': ['none'],
  doctor: [],
  simulate: ['--out', 'none'],
};

describe('the command line', () => {
  it('lists every command in its help, on standard output', async () => {
    const { code, stdout, stderr } = await sideglance(['--help']);
    assert.deepEqual([code, stderr], [0, '']);
    for (const command of Object.keys(COMMANDS)) {
      assert.match(stdout, new RegExp(`^ {2}${command.split(' ')[0]}\\b`, 'm'));
    }
  });

  for (const [command, required] of Object.entries(COMMANDS)) {
    it(`explains ${command} on --help and refuses unknown options of it`, async () => {
      const help = await sideglance([...command.split(' '), '--help']);
      assert.deepEqual([help.code, help.stderr], [0, '']);
      assert.match(help.stdout, new RegExp(`^Usage: sideglance ${command} `));
      const unknown = await sideglance([...command.split(' '), ...required, '--frobnicate']);
      assert.deepEqual([unknown.code, unknown.stdout], [2, '']);
      assert.match(unknown.stderr, /^error: unknown option '--frobnicate' \(SG_USAGE\)$/m);
    });
  }

  it('prints the help as an error when it is given nothing', async () => {
    const { code, stdout, stderr } = await sideglance([]);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /^Usage: sideglance/);
  });

  it('refuses an unknown command and suggests one', async () => {
    const { code, stderr } = await sideglance(['docter']);
    assert.equal(code, 2);
    assert.match(stderr, /^error: unknown command 'docter' \(SG_USAGE\)\n\(Did you mean doctor\?\)\n$/);
  });

  it('prints the version of the package', async () => {
    const manifest = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { version: string };
    assert.deepEqual(await sideglance(['--version']), { code: 0, stdout: `${manifest.version}\n`, stderr: '' });
  });

  it('ends quietly when its reader has seen enough', async () => {
    const child = spawn(process.execPath, [join(PACKAGE_ROOT, 'bin', 'sideglance.mjs'), 'doctor'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    });
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    child.stdout.destroy();
    const [code] = (await once(child, 'close')) as [number];
    assert.deepEqual([code, stderr], [0, '']);
  });
});

describe('a failure', () => {
  it('carries its code at the end of the first line', () => {
    const error = new SideglanceError('SG_CONFIG_INVALID', 'the configuration has 2 faults:\nx:1:1 a\nx:2:1 b');
    assert.deepEqual(describeFailure(error, false), {
      text: 'error: the configuration has 2 faults (SG_CONFIG_INVALID)\nx:1:1 a\nx:2:1 b',
      exitCode: 2,
    });
  });
  it('shows stack and causes only on request', () => {
    const error = new SideglanceError('SG_STORAGE', 'cannot write', { cause: new Error('disk full') });
    assert.deepEqual(describeFailure(error, false), { text: 'error: cannot write (SG_STORAGE)', exitCode: 1 });
    assert.match(describeFailure(error, true).text, /^error: cannot write \(SG_STORAGE\)\n.*cli\.test.*disk full/s);
  });
  it('that nobody foresaw says so', () => {
    assert.match(
      describeFailure(new TypeError('x is null'), false).text,
      /^error: x is null\nThis is a fault in sideglance/,
    );
  });
  it('is none when help was asked for', () => {
    assert.deepEqual(describeFailure(new CommanderError(0, 'commander.helpDisplayed', ''), false), {
      text: '',
      exitCode: 0,
    });
  });
});
