import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { CommandLine } from '../support/arguments.js';

export const PARTS = ['networks', 'stations', 'loading', 'heap'] as const;

export interface SpeedOptions {
  readonly parts: readonly (typeof PARTS)[number][];
  readonly rounds: number;
  readonly frames: number;
  readonly quick: boolean;
  /** The results are written to `<out>.json` and `<out>.md`. */
  readonly out: string;
}

const COMMAND_LINE = new CommandLine(
  `usage: speed [--only ${PARTS.join(',')}] [--rounds 15] [--frames 100000] [--quick] [--out PATH]`,
);

/** @throws SideglanceError `SG_USAGE` */
export function readOptions(args: readonly string[]): SpeedOptions {
  const { values, positionals } = COMMAND_LINE.parse(args, {
    only: { type: 'string', default: PARTS.join(',') },
    rounds: { type: 'string' },
    frames: { type: 'string' },
    quick: { type: 'boolean', default: false },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'speed') },
  });
  const [stray] = positionals;
  if (stray !== undefined) throw COMMAND_LINE.wrong(`${stray} is no option`);
  const { quick } = values;
  return {
    parts: COMMAND_LINE.names('--only', values.only, PARTS) as (typeof PARTS)[number][],
    rounds: COMMAND_LINE.whole('--rounds', values.rounds ?? (quick ? '4' : '15'), 1, 1000),
    frames: COMMAND_LINE.whole('--frames', values.frames ?? (quick ? '2000' : '100000'), 100, 10_000_000),
    quick,
    out: values.out,
  };
}
