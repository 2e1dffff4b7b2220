import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AUDIT_LIMITS } from '../../src/commands/audit-log.js';
import { MEMORY_LIMITS } from '../../src/commands/memory.js';
import { COMMAND_LIMITS } from '../../src/commands/table.js';
import { COMMAND_NAMES, type CommandName } from '../../src/config/commands.js';
import { ERROR_CODES } from '../../src/errors.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { answerSchema, auditSchema, COMMAND_SCHEMAS } from '../../src/publish/command-messages.js';

const text = readFileSync(join(PACKAGE_ROOT, 'docs/commands.md'), 'utf8');

test('docs/commands.md shows an answer and an audit line that are valid', () => {
  const [answer, audit] = [...text.matchAll(/```json\n(.*?)```/gs)].map((match) => JSON.parse(match[1] ?? ''));
  assert.deepEqual(answerSchema.parse(answer), answer);
  assert.deepEqual(auditSchema.parse(audit), audit);
});

test('docs/commands.md has a valid request for every command', () => {
  const shown = new Set<CommandName>();
  for (const section of text.split(/^### /m).slice(1)) {
    const [heading = ''] = section.split('\n');
    const names = heading
      .split(', ')
      .filter((name): name is CommandName => COMMAND_NAMES.includes(name as CommandName));
    // The first cell of each row.
    const requests = [...section.matchAll(/^\| [^|{]*`(\{.*?\})` +\|/gm)].map((match) => JSON.parse(match[1] ?? ''));
    for (const [index, request] of requests.entries()) {
      const name = names.length === 1 ? names[0] : names[index];
      assert.ok(name !== undefined, `${heading}: ${JSON.stringify(request)}`);
      const short = 'sha256' in request ? { ...request, sha256: '0'.repeat(64) } : request;
      assert.ok(COMMAND_SCHEMAS[name].safeParse(short).success, `${name} ${JSON.stringify(request)}`);
      shown.add(name);
    }
  }
  assert.deepEqual([...shown].sort(), [...COMMAND_NAMES].sort());
});

test('docs/commands.md names every code of commands, and the bounds that hold', () => {
  for (const code of Object.keys(ERROR_CODES).filter((one) => one.startsWith('SG_COMMAND_'))) {
    assert.ok(text.includes(`\`${code}\``), code);
  }
  const { commands, answerBytes } = MEMORY_LIMITS;
  for (const bound of [
    `at most ${COMMAND_LIMITS.maxPayloadBytes / 1024} KiB`,
    `The last ${commands} commands are remembered (${answerBytes / 1024 / 1024} MiB of answers)`,
    `${AUDIT_LIMITS.files} files of ${AUDIT_LIMITS.fileBytes / 1024 / 1024} MiB`,
  ]) {
    assert.ok(text.replaceAll('\n', ' ').includes(bound), bound);
  }
});
