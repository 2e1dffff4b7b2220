import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const WRITER = fileURLToPath(new URL('./writes-much.js', import.meta.url));

interface Report {
  readonly stalledMs: number;
  readonly dropped: number;
  readonly lines: number;
  readonly closingMs: number;
}

/** Standard output is a socket, as from Node and under systemd. */
function ontoSocket(): ChildProcess {
  return fork(WRITER, [], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
}

/** Standard output is what `through`, a shell command with `$WRITE` in it, makes it. */
function ontoShell(through: string): ChildProcess {
  const env = { ...process.env, WRITE: `${process.execPath} ${WRITER}` };
  return spawn('sh', ['-c', through], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'], env });
}

/** The report of the writer and its exit code. A blocked write would keep both from coming. */
async function outcome(writer: ChildProcess): Promise<{ report: Report; code: number | null }> {
  const exited = once(writer, 'exit');
  const [report] = (await once(writer, 'message')) as [Report];
  const [code] = (await exited) as [number | null];
  return { report, code };
}

test('a socket whose reader does not read neither stalls the process nor keeps it from ending', async () => {
  const writer = ontoSocket();
  const { report, code } = await outcome(writer);
  writer.stdout?.destroy();
  assert.equal(code, 0);
  assert.ok(report.dropped > 0, 'it was never full');
  assert.ok(report.stalledMs < 2_000 && report.closingMs < 2_000, JSON.stringify(report));
});

test('a pipe whose reader does not read neither stalls the process nor keeps it from ending', async () => {
  // The shell's exit code would be that of `sleep`; the report comes from the writer itself.
  const { report } = await outcome(ontoShell('{ exec 4>&1; $WRITE | sleep 3; }'));
  assert.ok(report.dropped > 0, 'it was never full');
  assert.ok(report.stalledMs < 2_000 && report.closingMs < 2_000, JSON.stringify(report));
});

test('a reader that reads gets every line that was not dropped, whole and in order', async () => {
  const writer = ontoSocket();
  const chunks: Buffer[] = [];
  writer.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [{ report }] = await Promise.all([outcome(writer), once(writer, 'close')]);
  const lines = Buffer.concat(chunks).toString().trimEnd().split('\n');
  assert.equal(lines.length + report.dropped, report.lines);
  assert.ok(lines.every((line) => /^\d{99}$/.test(line)));
  assert.deepEqual(lines, [...lines].sort());
});

test('a reader that has gone away does not end the process', async () => {
  const writer = ontoSocket();
  writer.stdout?.destroy();
  const { report, code } = await outcome(writer);
  assert.equal(code, 0);
  assert.ok(report.dropped > 0);
});
