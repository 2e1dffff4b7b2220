import { inspect } from 'node:util';
import { CommanderError } from 'commander';
import { SideglanceError } from '../errors.js';

/** How a command ended badly: what is printed to the error stream, and the exit code. */
export interface Failure {
  readonly text: string;
  readonly exitCode: number;
}

/**
 * One line `error: message (CODE)`, more where the message has more; with `DEBUG` set, the stack and every cause.
 * Exit codes: 2 when the command line or the configuration is at fault, else 1.
 */
export function describeFailure(thrown: unknown, debug: boolean): Failure {
  if (thrown instanceof CommanderError) return usageFailure(thrown);
  const stack = debug ? `\n${inspect(thrown)}` : '';
  if (thrown instanceof SideglanceError) {
    return { text: `error: ${withCode(thrown.message, thrown.code)}${stack}`, exitCode: thrown.exitCode };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const hint = debug ? '' : '\nThis is a fault in sideglance itself; with DEBUG=1 it says where.';
  return { text: `error: ${message}${hint}${stack}`, exitCode: 1 };
}

function usageFailure(error: CommanderError): Failure {
  // Help and version that were asked for end a command early, too, but well.
  if (error.exitCode === 0) return { text: '', exitCode: 0 };
  if (error.code === 'commander.help') return { text: '', exitCode: 2 };
  return { text: `error: ${withCode(error.message.replace(/^error: /, ''), 'SG_USAGE')}`, exitCode: 2 };
}

/** The code stands at the end of the first line: what follows it is a list. */
function withCode(message: string, code: string): string {
  const [first = '', ...rest] = message.split('\n');
  return [`${first.replace(/[.:]$/, '')} (${code})`, ...rest].join('\n');
}
