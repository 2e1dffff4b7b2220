/** Commands in the documents name what there is. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Command } from 'commander';
import { createProgram } from '../src/cli.js';
import { PACKAGE_ROOT } from '../src/paths.js';

const DOCS = [
  'README.md',
  ...readdirSync(join(PACKAGE_ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

function find(program: Command, words: readonly string[]): { command: Command; rest: readonly string[] } {
  const inner = program.commands.find((one) => one.name() === words[0]);
  return inner === undefined ? { command: program, rest: words } : find(inner, words.slice(1));
}

for (const doc of DOCS) {
  const text = readFileSync(join(PACKAGE_ROOT, doc), 'utf8');
  test(`every command of sideglance in ${doc} exists, with its options`, () => {
    for (const [line, , words = ''] of text.matchAll(
      /(^|[`( ])(?:sideglance|npx \.) +((?:[a-z]+|--[a-z-]+|"[^"]*"|[\w./-]+)(?: +[^\n`#|>]+)?)/gm,
    )) {
      const program = createProgram();
      const { command, rest } = find(program, words.trim().split(/\s+/));
      if (command === program) continue;
      const known = new Set(command.options.map((option) => option.long));
      for (const word of rest) {
        const flag = /^--[a-z-]+/.exec(word)?.[0];
        if (flag !== undefined) assert.ok(known.has(flag), `${line.trim()}: ${command.name()} has no ${flag}`);
      }
    }
  });

  test(`every file that ${doc} links to is there`, () => {
    for (const [, target = ''] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      assert.ok(existsSync(join(PACKAGE_ROOT, doc, '..', target)), target);
    }
  });

  test(`every script that a command in ${doc} runs is there`, () => {
    for (const [, script = ''] of text.matchAll(
      /(?:^ {4}|`)(?:sudo )?(?:node |bash |\.\/)?((?:scripts|deploy)\/[\w./-]+)/gm,
    )) {
      assert.ok(existsSync(join(PACKAGE_ROOT, script)), script);
    }
  });
}
