import { examine, type Finding } from '../service/doctor.js';

export interface DoctorOptions {
  readonly config: string;
  readonly json?: true;
  /** Seconds for one check. */
  readonly patience: number;
}

const COLOURS = { ok: 32, warn: 33, fail: 31 } as const;

/** @returns the exit code: 1 when anything fails */
export async function doctor({ config, json, patience }: DoctorOptions): Promise<number> {
  const findings: Finding[] = [];
  for await (const finding of examine(config, patience * 1000)) {
    findings.push(finding);
    if (!json) process.stdout.write(`${findingText(finding, process.stdout.isTTY)}\n`);
  }
  const failed = findings.filter((finding) => finding.state === 'fail').length;
  if (json) process.stdout.write(`${JSON.stringify({ ok: failed === 0, findings }, null, 2)}\n`);
  else process.stdout.write(failed === 0 ? '\nEverything that is needed is there.\n' : `\n${failed} to mend.\n`);
  return failed === 0 ? 0 : 1;
}

export function findingText({ state, check, text, fix }: Finding, colour: boolean): string {
  const mark = colour ? `\u001b[${COLOURS[state]}m${state.padEnd(4)}\u001b[39m` : state.padEnd(4);
  const lines = `${check}: ${text}${fix === undefined ? '' : `\nfix: ${fix}`}`.split('\n');
  return `${mark}  ${lines.join('\n      ')}`;
}
