import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Command } from 'commander';
import { createProgram } from '../../src/cli.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { commandLinesOf, DOCS, filesIn } from './lines.js';

/**
 * Every command in a code block of the docs. Our own have to be understood by the program that they call, down to each option;
 * those of others have to be of programs that are known here, so that a slip of the pen shows.
 */
const OF_OTHERS =
  /^(apt-get|apt|cat|cd|chown|cp|curl|dpkg|docker|editor|git|install|ip|journalctl|jq|ls|minisign|mkdir|mosquitto_(pub|sub|passwd)|openssl|printf|python3|sh|sha256sum|sysctl|systemctl|systemd-\w+|tar|tee|openssl)$/;
const SCRIPTS = (JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { scripts: object }).scripts;

for (const file of DOCS) {
  const lines = commandLinesOf(file);
  if (lines.length === 0) continue;
  test(`the commands in ${file} are understood`, async () => {
    for (const { place, text } of lines) {
      for (const command of text.split(/\s*(?:&&|\|\||;)\s*/)) {
        const fault = await faultOf(wordsOf(command));
        assert.equal(fault, null, `${place}: ${command}`);
      }
    }
  });
}

/** Words as a shell has them, up to the first pipe or redirection, without `sudo`, its user, and variables before the program. */
function wordsOf(command: string): string[] {
  const words = [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, one, two, three]) => one ?? two ?? three ?? '',
  );
  const end = words.findIndex((word) => /^(\||\d?>|<|&$)/.test(word));
  const first = words.findIndex(
    (word, i) => word !== 'sudo' && word !== '-u' && words[i - 1] !== '-u' && !/^\w+=/.test(word),
  );
  return words.slice(first, end < 0 ? undefined : end);
}

async function faultOf(words: readonly string[]): Promise<string | null> {
  const [program, ...rest] = words as [string, ...string[]];
  if (program === 'sideglance') return faultOfOurs(rest);
  if (program === 'npx' && rest[0] === '.') return faultOfOurs(rest.slice(1));
  if (program === 'npm') return faultOfNpm(rest);
  if (program === 'node') return faultOfScript(rest);
  if (program.includes('/')) return faultOfShellScript(program, rest);
  return OF_OTHERS.test(program) ? null : `${program} is no program that this test knows`;
}

async function faultOfOurs(args: readonly string[]): Promise<string | null> {
  const program = createProgram();
  disarm(program);
  try {
    await program.parseAsync(args, { from: 'user' });
    return null;
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

/** Commands are parsed, and nothing is done. */
function disarm(command: Command): void {
  if (command.commands.length === 0) command.action(() => {});
  for (const one of command.commands) disarm(one);
}

function faultOfNpm([verb, name = '', ...rest]: readonly string[]): string | null {
  if (verb === 'ci' || verb === 'install') return null;
  const script = verb === 'run' ? name : (verb ?? '');
  if (!(script in SCRIPTS)) return `there is no npm script ${script}`;
  const behind = { bench: 'dist/bench/speed.js', soak: 'dist/bench/soak.js' }[script];
  return behind === undefined ? null : faultOfScript([behind, ...rest]);
}

/** Each option stands in the script, or in what lies in the folder of its name. */
function faultOfScript([path = '', ...args]: readonly string[]): string | null {
  const source = path.replace(/^dist\/(.*)\.js$/, '$1.ts');
  if (!existsSync(join(PACKAGE_ROOT, source))) return `there is no ${source}`;
  const folder = source.replace(/\.(ts|mjs)$/, '');
  const texts = [source, ...filesIn(folder, '.ts')].map((file) => readFileSync(join(PACKAGE_ROOT, file), 'utf8'));
  const unknown = args.find(
    (word) => /^--[a-z]/.test(word) && !texts.some((text) => text.includes(word.slice(2).split('=')[0] as string)),
  );
  return unknown === undefined ? null : `${source} has no option ${unknown}`;
}

/** By its path in a checkout, or, of what is copied to a device, by its name. */
function faultOfShellScript(path: string, args: readonly string[]): string | null {
  const source = path.startsWith('scripts/') ? path : `deploy/jetson/${path.split('/').at(-1)}`;
  if (!existsSync(join(PACKAGE_ROOT, source))) return `there is no ${source}`;
  const text = readFileSync(join(PACKAGE_ROOT, source), 'utf8');
  const unknown = args.find((word) => word.startsWith('--') && !text.includes(word));
  return unknown === undefined ? null : `${source} has no option ${unknown}`;
}

/** Files of a folder and of those in it, from the root on; none where there is no such folder. */
