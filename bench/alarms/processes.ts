import type { Random } from '../../src/random.js';

/** Scores of good parts as a line may give them, one after the other: mean 0 and deviation 1 within a lot. */
export type Process = (random: Random) => () => number;

export const PROCESSES: Readonly<Record<string, Process>> = {
  'independent, normal': (random) => () => random.normal(),
  // Mean and deviation of exp(N(0, 0.5²)) are 1.133 and 0.604.
  'independent, lognormal (σ 0.5)': (random) => () => (Math.exp(0.5 * random.normal()) - 1.133) / 0.604,
  'neighbours alike (AR(1), φ 0.5)': (random) => autoregressive(random, 0.5),
  'neighbours much alike (φ 0.8)': (random) => autoregressive(random, 0.8),
  'lots of 1,000, means ± 0.2': (random) => lots(random, 1_000, 0.2),
  'lots of 200, means ± 0.3': (random) => lots(random, 200, 0.3),
  'day and night (± 0.3 in 5,000)': (random) => {
    let part = 0;
    return () => random.normal() + 0.3 * Math.sin((2 * Math.PI * part++) / 5_000);
  },
};

function autoregressive(random: Random, memory: number): () => number {
  let value = random.normal();
  return () => {
    value = memory * value + Math.sqrt(1 - memory ** 2) * random.normal();
    return value;
  };
}

/** Each lot has a mean of its own. */
function lots(random: Random, size: number, deviation: number): () => number {
  let part = 0;
  let mean = 0;
  return () => {
    if (part++ % size === 0) mean = deviation * random.normal();
    return mean + random.normal();
  };
}
