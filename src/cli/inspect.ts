import { inspectFiles } from '../inspect.js';
import type { Box } from '../types.js';
import { executionChoice, type ModelOptions, thresholdOf } from './model-options.js';

export interface InspectOptions extends ModelOptions {
  readonly out?: string;
  readonly region?: Box;
}

/**
 * Prints a JSON line for each image: its result, or `{"file", "error": {"code", "message"}}` where it was skipped.
 * @returns the exit code
 */
export async function inspect(files: readonly string[], options: InspectOptions): Promise<number> {
  const { falseRejectRate: _, score: __, config: ___, ...rest } = options;
  let done = 0;
  let skipped = 0;
  const execution = await executionChoice(options);
  for await (const outcome of inspectFiles({ ...rest, ...execution, files, threshold: thresholdOf(options) })) {
    done++;
    if ('skipped' in outcome) {
      skipped++;
      const { file, error } = outcome.skipped;
      printLine({ file, error: { code: error.code, message: error.message } });
    } else {
      printLine(outcome.result);
    }
  }
  if (skipped > 0) process.stderr.write(`${skipped} of ${done} images skipped; their lines say why\n`);
  return 0;
}

function printLine(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
