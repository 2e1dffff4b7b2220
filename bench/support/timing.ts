import { Session, type SessionOptions, type Tensor } from '../../src/infer/ort/session.js';
import { allocateTensor } from '../../src/infer/ort/tensor.js';
import { inWholeBlocks } from '../../src/infer/whole-blocks.js';
import { feedsFor } from './feeds.js';

/** A network that is loaded and has run, ready to be timed. */
export interface Timed {
  /** Mean milliseconds of so many runs in a row. */
  run(times: number): Promise<number>;
  close(): Promise<void>;
}

export async function timed(model: Uint8Array, options: Pick<SessionOptions, 'threads' | 'config'>): Promise<Timed> {
  const session = await Session.create(inWholeBlocks(model), options);
  const inputs = feedsFor(session);
  const first = await session.runOnce(inputs);
  const outputs = Object.fromEntries(
    Object.entries(first).map(([name, { type, shape }]): [string, Tensor] => [name, allocateTensor(type, shape)]),
  );
  const binding = session.bind(inputs, outputs);
  return {
    async run(times) {
      const begun = performance.now();
      for (let i = 0; i < times; i++) await session.run(binding);
      return (performance.now() - begun) / times;
    },
    close: () => session.close(),
  };
}
