import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { CommandLine } from '../support/arguments.js';

/** The stations first, while the process holds nothing; the peers' networks need the most memory and go last. */
export const PARTS = ['stations', 'loading', 'heap', 'networks'] as const;
export type PartName = (typeof PARTS)[number];

export interface SpeedOptions {
  readonly parts: readonly PartName[];
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
    parts: COMMAND_LINE.names('--only', values.only, PARTS) as PartName[],
    rounds: COMMAND_LINE.whole('--rounds', values.rounds ?? (quick ? '4' : '15'), 1, 1000),
    frames: COMMAND_LINE.whole('--frames', values.frames ?? (quick ? '2000' : '100000'), 100, 10_000_000),
    quick,
    out: values.out,
  };
}
