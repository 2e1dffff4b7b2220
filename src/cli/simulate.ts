import { writeSimulatedDataset } from '../capture/simulated/dataset.js';
import type { Placement } from '../capture/simulated/render.js';
import { INTERRUPTED, interruptible } from './interrupt.js';
import { showProgress } from './progress.js';

export interface SimulateOptions {
  readonly out: string;
  readonly good: number;
  readonly testGood: number;
  readonly defective: number;
  readonly seed: number;
  readonly size: number;
  readonly placement: Placement;
  readonly grey?: true;
}

/** @returns the exit code */
export async function simulate({ grey, ...options }: SimulateOptions): Promise<number> {
  const total = options.good + options.testGood + options.defective;
  const progress = showProgress({ title: 'rendering', total });
  return interruptible(async (signal) => {
    try {
      await writeSimulatedDataset({
        ...options,
        format: grey ? 'GRAY8' : 'RGB',
        signal,
        onProgress: (done) => progress.update(done),
      });
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
      progress.say(`stopped; ${options.out} holds only part of the data set`);
      return INTERRUPTED;
    } finally {
      progress.stop();
    }
    process.stdout.write(
      `${options.out}: ${options.good} good parts to train from, ${options.testGood} good and ${options.defective} defective ones to test with\n`,
    );
    return 0;
  });
}
