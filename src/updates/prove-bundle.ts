import { readFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { regionsOf, WHOLE_FRAME } from '../config/models.js';
import { reasonOf, SideglanceError } from '../errors.js';
import { decodeImage } from '../image/decode.js';
import { GraphCache } from '../infer/graph-cache.js';
import { Inspector } from '../infer/inspector.js';
import { partVerdict } from '../infer/verdict.js';
import type { Picture } from '../types.js';
import type { ProofFigures, ProofJob } from './proof.js';

export const MEASURED_LIMITS = {
  /** A part is judged so many times, and the shortest time counts. */
  runs: 5,
} as const;

/**
 * Loads a bundle as a station does, has it reproduce its golden samples and judge the acceptance set, and measures what that
 * takes. In a process of its own: what is wrong with a bundle may end it.
 *
 * @throws SideglanceError as `Inspector.load`; `SG_BUNDLE_ACCEPTANCE` for a wrong verdict, `SG_BUNDLE_SLOW`, `SG_BUNDLE_MEMORY`
 */
export async function proveBundle(job: ProofJob): Promise<ProofFigures> {
  const { folder, station, infer, acceptance, limits } = job;
  const inspector = await Inspector.load(folder, {
    ...infer,
    threshold: station.threshold,
    regionsPerPart: regionsOf(station),
    cpu: { graphs: new GraphCache() },
  });
  try {
    const { model, provider, precision } = inspector;
    let judgeMs = await shortest(regionsOf(station), () => inspector.selfTest());
    // One that is slow would take its time for the acceptance set as well.
    if (judgeMs > limits.judgeMs) {
      throw new SideglanceError(
        'SG_BUNDLE_SLOW',
        `${model} takes ${judgeMs.toFixed(1)} ms for a part of station ${station.name}, ${limits.judgeMs} are allowed. Train a smaller one, or see to \`models.maxJudgeMs\``,
      );
    }
    for (const part of acceptance) judgeMs = Math.min(judgeMs, await accept(inspector, job, part));
    const peakMb = process.resourceUsage().maxRSS / 1024;
    if (peakMb > limits.memoryMb) {
      throw new SideglanceError(
        'SG_BUNDLE_MEMORY',
        `${model} takes ${Math.round(peakMb)} MiB of memory, ${limits.memoryMb} are allowed. Train a smaller one, or see to \`models.maxMemoryMb\``,
      );
    }
    return { provider, precision, judgeMs, peakMb, accepted: acceptance.length };
  } finally {
    await inspector.close();
  }
}

/** @returns the milliseconds that it took @throws SideglanceError `SG_BUNDLE_ACCEPTANCE` */
async function accept(
  inspector: Inspector,
  { station }: ProofJob,
  { label, name, path }: ProofJob['acceptance'][number],
): Promise<number> {
  const where = `the acceptance part ${name} of station ${station.name}`;
  const wrong = (what: string, cause?: unknown) =>
    new SideglanceError(
      'SG_BUNDLE_ACCEPTANCE',
      `${inspector.model} ${what}: ${where} has to ${label}. Train it better, or, where the label is wrong, correct it with \`sideglance model accept\``,
      { cause },
    );
  const picture = await decodeImage(await readFile(path), path);
  const begun = performance.now();
  const { regions } = await inspector.inspectRegions(picture, framesOf(station, picture)).catch((thrown: unknown) => {
    throw wrong(`cannot judge (${reasonOf(thrown)})`, thrown);
  });
  const judgeMs = performance.now() - begun;
  const { result } = partVerdict(regions);
  // What cannot be judged is rejected.
  if ((label === 'pass') === (result === 'pass')) return judgeMs;
  const scores = regions.map(
    ({ region, score, threshold }) => `${region.name} ${score.toFixed(3)} of ${threshold.toFixed(3)}`,
  );
  throw wrong(`says ${result} (score of ${scores.join(', ')})`);
}

function framesOf({ regions }: ProofJob['station'], { width, height }: Picture) {
  return regions.length > 0 ? regions : [{ name: WHOLE_FRAME, x: 0, y: 0, width, height }];
}

async function shortest(times: number, act: () => Promise<void>): Promise<number> {
  let found = Number.POSITIVE_INFINITY;
  for (let run = 0; run < MEASURED_LIMITS.runs; run++) {
    const begun = performance.now();
    for (let i = 0; i < times; i++) await act();
    found = Math.min(found, performance.now() - begun);
  }
  return found;
}
