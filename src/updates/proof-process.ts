import { fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ERROR_CODES, type ErrorCode, SideglanceError } from '../errors.js';
import { nameByFolder } from '../model/store/state.js';
import { STATION_PROCESS_LIMITS } from '../supervision/station-process.js';
import { StderrTail } from '../supervision/stderr-tail.js';
import type { ProofFigures, ProofJob, ProofMessage } from './proof.js';

const PROGRAM = fileURLToPath(new URL('../prove.js', import.meta.url));
const LOOK_EVERY_MS = 100;
const PAGE_BYTES = 4096;

/**
 * Proves a bundle in a process of its own, which a bundle may crash, hang or fill without harm.
 *
 * @param program for tests
 * @throws SideglanceError as `proveBundle`; `SG_BUNDLE_CRASHED` when the process ends, `SG_BUNDLE_SLOW` when it does not
 */
export async function proveApart(job: ProofJob, program = PROGRAM): Promise<ProofFigures> {
  const model = nameByFolder(job.folder);
  const { limits, station } = job;
  const child = fork(program, [], {
    serialization: 'advanced',
    execArgv: ['--enable-source-maps'],
    env: { ...process.env, UV_THREADPOOL_SIZE: String(STATION_PROCESS_LIMITS.threadPoolSize) },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const stderr = new StderrTail(() => {});
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  let refusal: SideglanceError | null = null;
  const end = (code: ErrorCode, text: string): void => {
    refusal ??= new SideglanceError(code, text);
    child.kill('SIGKILL');
  };
  const timer = setTimeout(
    () =>
      end(
        'SG_BUNDLE_SLOW',
        `${model} was not proven for station ${station.name} within ${limits.withinMs / 1000} s. Train a smaller one`,
      ),
    limits.withinMs,
  );
  const watch = setInterval(() => {
    void residentMb(child.pid).then((mb) => {
      if (mb <= limits.memoryMb) return;
      const text = `${model} takes more than ${limits.memoryMb} MiB of memory. Train a smaller one, or see to \`models.maxMemoryMb\``;
      end('SG_BUNDLE_MEMORY', text);
    });
  }, LOOK_EVERY_MS);
  try {
    const message = await new Promise<ProofMessage>((done, fail) => {
      child.once('message', (raw) => done(raw as ProofMessage));
      child.once('error', (cause) =>
        fail(
          new SideglanceError('SG_BUNDLE_CRASHED', `${model} could not be proven: ${cause.message}. Try again`, {
            cause,
          }),
        ),
      );
      child.once('close', (code, signal) => {
        const how = signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`;
        const text = `the process that was to prove ${model} for station ${station.name} ${how}${stderr.lastWords()}. The bundle is not used`;
        fail(refusal ?? new SideglanceError('SG_BUNDLE_CRASHED', text));
      });
      child.send(job, (cause) => cause && child.kill('SIGKILL'));
    });
    if (message.outcome === 'proven') return message.figures;
    throw new SideglanceError(codeOf(message.code), message.reason);
  } finally {
    clearTimeout(timer);
    clearInterval(watch);
    child.kill('SIGKILL');
  }
}

function codeOf(code: string): ErrorCode {
  return Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'SG_RUNTIME';
}

/** 0 where that cannot be told: a process that is gone, or an operating system other than Linux. */
async function residentMb(pid: number | undefined): Promise<number> {
  const text = await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => '');
  return ((Number(text.split(' ')[1]) || 0) * PAGE_BYTES) / 2 ** 20;
}
