import { type Command, InvalidArgumentError, Option } from 'commander';
import { type ExecutionOptions, executionOf } from '../infer/execution-options.js';
import { PROVIDERS, type Provider } from '../infer/ort/providers.js';
import type { Box, ThresholdChoice } from '../types.js';
import { positiveNumber, wholeNumber } from './numbers.js';

/** What every command takes that runs a model. */
export interface RuntimeOptions {
  readonly model: string;
  readonly falseRejectRate?: number;
  readonly threads?: number;
  readonly providers?: readonly Provider[];
  readonly library?: string;
  /** A configuration whose `infer` says where and how the model runs. */
  readonly config?: string;
}

/** What every command takes that judges with a model. */
export interface ModelOptions extends RuntimeOptions {
  readonly score?: number;
}

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
      'execution providers to try, in this order: tensorrt, cuda, cpu (default: cpu)',
      providers,
    )
    .option('--library <path>', 'a libonnxruntime.so other than the one that npm installed')
    .option('-c, --config <file>', 'a configuration: the model runs as its `infer` says, GPU settings included');
}

/**
 * Where and how the model runs: what the configuration says, if one is named, and then what the command line says. Each
 * provider that does not serve is told on the error stream.
 * @throws SideglanceError as `loadConfig`
 */
export async function executionChoice(options: Partial<RuntimeOptions>): Promise<ExecutionOptions> {
  const { providers, library, config } = options;
  const { require, ...infer } = config === undefined ? {} : await inferOf(config);
  return {
    ...infer,
    ...(require && !providers && { require }),
    ...(providers && { providers }),
    ...(library !== undefined && { library }),
    onSkipped: ({ provider, reason, fix }) =>
      void process.stderr.write(`warning: not on ${provider}: ${reason}. Fix: ${fix}\n`),
  };
}

async function inferOf(config: string): Promise<ExecutionOptions> {
  const { loadConfig } = await import('../config/load.js');
  return executionOf(loadConfig(config).infer);
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
