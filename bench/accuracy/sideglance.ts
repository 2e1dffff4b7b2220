import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_FALSE_REJECT_RATE } from '../../src/cli/model-options.js';
import { modelScorer } from '../../src/evaluate/model-scorer.js';
import { Inspector } from '../../src/infer/inspector.js';
import { MODEL_FILE } from '../../src/model/manifest.js';
import { AGENT_VERSION } from '../../src/model/version.js';
import { SHARES } from '../../src/train/export.js';
import { SCORE_SMOOTHING, SCORE_WEIGHTS, TERMS } from '../../src/train/measure-scores.js';
import { TRAINING, type TrainMethod } from '../../src/train/model.js';
import { PAPER } from '../../src/train/paper/settings.js';
import { POSITION } from '../../src/train/position/norm.js';
import { train } from '../../src/train/train.js';
import { type FitOptions, type FittedMethod, leftOut, type Method } from './method.js';

const SIDEGLANCE = {
  ...TRAINING,
  position: POSITION,
  shares: SHARES,
  score: { weights: SCORE_WEIGHTS, smoothing: SCORE_SMOOTHING, terms: TERMS },
} as const;

/** A method of the project: trained as `sideglance train --method` does, scored as `sideglance evaluate` does. */
export function trained(method: TrainMethod): Method {
  const settings = {
    revision: 4,
    version: AGENT_VERSION,
    training: method === 'paper' ? PAPER : SIDEGLANCE,
  } as const;
  return { name: method, settings, takesMinutes: true, fit: (options) => fit(method, options) };
}

async function fit(method: TrainMethod, { folder, seed, size, minutes, threads }: FitOptions): Promise<FittedMethod> {
  const temporary = await mkdtemp(join(tmpdir(), 'sideglance-accuracy-'));
  try {
    const bundle = join(temporary, 'model');
    let skipped = 0;
    const { trainedOn } = await train({
      method,
      images: folder,
      out: bundle,
      seed,
      size,
      minutes,
      threads,
      onEvent: (event) => {
        if (event.type === 'skipped') skipped += 1;
      },
    });
    const { size: bytes } = await stat(join(bundle, MODEL_FILE));
    const inspector = await Inspector.load(bundle, {
      threshold: { falseRejectRate: DEFAULT_FALSE_REJECT_RATE },
      threads,
    });
    const notes = [...leftOut(skipped), `${trainedOn.steps} steps of training`];
    return { scorer: modelScorer(inspector), bytes, notes, close: () => inspector.close() };
  } finally {
    // The inspector holds what it needs in memory.
    await rm(temporary, { recursive: true });
  }
}
