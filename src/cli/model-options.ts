import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ThresholdChoice } from '../infer/calibration.js';
import type { Provider } from '../infer/ort/session.js';
import type { Box } from '../types.js';
import { positiveNumber, wholeNumber } from './numbers.js';

/** What every command takes that runs a model. */
export interface RuntimeOptions {
  readonly model: string;
  readonly falseRejectRate?: number;
  readonly threads?: number;
  readonly providers?: readonly Provider[];
  readonly library?: string;
}

/** What every command takes that judges with a model. */
export interface ModelOptions extends RuntimeOptions {
  readonly score?: number;
}

const PROVIDERS: readonly Provider[] = ['cpu', 'cuda', 'tensorrt'];

export function addModelOptions(command: Command): Command {
  return addRuntimeOptions(command).addOption(
    new Option('--score <score>', 'the score from which a part fails')
      .argParser(positiveNumber(1e9))
      .conflicts('falseRejectRate'),
  );
}

export function addRuntimeOptions(command: Command): Command {
  return command
    .requiredOption('--model <bundle>', 'folder of the model bundle')
    .addOption(
      new Option('--false-reject-rate <share>', 'share of good parts that may be rejected (default: 0.005)').argParser(
        positiveNumber(0.5),
      ),
    )
    .option('--threads <n>', 'threads of the network (default: every core)', wholeNumber(1, 128))
    .option(
      '--providers <list>',
      'execution providers to try, in this order: cpu, cuda, tensorrt (default: cpu)',
      providers,
    )
    .option('--library <path>', 'a libonnxruntime.so other than the one that npm installed');
}

/** The share of good parts that may be rejected, unless another is asked for; a station's default, too. */
export const DEFAULT_FALSE_REJECT_RATE = 0.005;

export function thresholdOf({ score, falseRejectRate = DEFAULT_FALSE_REJECT_RATE }: ModelOptions): ThresholdChoice {
  return score === undefined ? { falseRejectRate } : { score };
}

function providers(text: string): readonly Provider[] {
  const names = text.split(',');
  if (names.every(isProvider) && new Set(names).size === names.length) return names;
  throw new InvalidArgumentError(`It must be a list such as cuda,cpu of ${PROVIDERS.join(', ')}.`);
}

function isProvider(name: string): name is Provider {
  return (PROVIDERS as readonly string[]).includes(name);
}

/** `x,y,width,height` in pixels. */
export function box(text: string): Box {
  const [x, y, width, height, ...more] = text.split(',').map((part) => (/^\d+$/.test(part) ? Number(part) : -1));
  if (more.length === 0 && x! >= 0 && y! >= 0 && width! > 0 && height! > 0) {
    return { x: x!, y: y!, width: width!, height: height! };
  }
  throw new InvalidArgumentError('It must be x,y,width,height in pixels, such as 10,20,256,256.');
}
