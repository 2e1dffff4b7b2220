import type { RegionResult, Verdict } from '../types.js';

/** The verdict on the part: any region `fail` → fail, else the first `invalid` → invalid, else pass. */
export function partVerdict(regions: readonly RegionResult[]): Verdict {
  const verdicts = regions.map(({ verdict }) => verdict);
  return (
    verdicts.find(({ result }) => result === 'fail') ??
    verdicts.find(({ result }) => result === 'invalid') ??
    (verdicts.length > 0 ? { result: 'pass' } : { result: 'invalid', reason: 'error', detail: 'no region was judged' })
  );
}
