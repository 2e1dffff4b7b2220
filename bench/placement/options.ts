import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { CommandLine, LARGEST_SEED } from '../support/arguments.js';

const COMMAND_LINE = new CommandLine(
  'usage: placement [--minutes 5 | --steps N] [--good 300] [--test-good 100] [--defective 100] [--pixels 512] [--size 256] ' +
    '[--seed 1] [--out PATH]',
);

const MOST_PARTS = 10_000;

export interface PlacementOptions {
  readonly minutes: number;
  /** Instead of the minutes. */
  readonly steps?: number;
  /** Parts to train from, and to test with. */
  readonly good: number;
  readonly testGood: number;
  readonly defective: number;
  /** Side of the rendered pictures. */
  readonly pixels: number;
  /** Side of a square with as many pixels as the model's input. */
  readonly size: number;
  /** Of the parts and of the training. */
  readonly seed: number;
  /** The results are written to `<out>.json` and `<out>.md`. */
  readonly out: string;
}

/** @throws SideglanceError `SG_USAGE` with one message */
export function readOptions(args: readonly string[]): PlacementOptions {
  const { values, positionals } = COMMAND_LINE.parse(args, {
    minutes: { type: 'string', default: '5' },
    steps: { type: 'string' },
    good: { type: 'string', default: '300' },
    'test-good': { type: 'string', default: '100' },
    defective: { type: 'string', default: '100' },
    pixels: { type: 'string', default: '512' },
    size: { type: 'string', default: '256' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'placement') },
  });
  if (positionals.length > 0) throw COMMAND_LINE.wrong(`there is nothing to do with ${positionals.join(' ')}`);
  return {
    minutes: COMMAND_LINE.minutes(values.minutes),
    ...(values.steps !== undefined && { steps: COMMAND_LINE.whole('--steps', values.steps, 1, 1_000_000) }),
    good: COMMAND_LINE.whole('--good', values.good, 20, MOST_PARTS),
    testGood: COMMAND_LINE.whole('--test-good', values['test-good'], 1, MOST_PARTS),
    defective: COMMAND_LINE.whole('--defective', values.defective, 1, MOST_PARTS),
    pixels: COMMAND_LINE.whole('--pixels', values.pixels, 128, 4096),
    size: COMMAND_LINE.whole('--size', values.size, 64, 1024),
    seed: COMMAND_LINE.whole('--seed', values.seed, 0, LARGEST_SEED),
    out: values.out,
  };
}
