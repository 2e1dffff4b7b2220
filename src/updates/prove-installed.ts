import { join } from 'node:path';
import type { Config, StationConfig } from '../config/schema.js';
import { AcceptanceSet } from './acceptance-set.js';
import type { ProofFigures } from './proof.js';
import { proveApart } from './proof-process.js';

export const PROOF_LIMITS = {
  withinMs: 120_000,
  /** Where an engine may have to be built first. */
  withEngineMs: 3_600_000,
} as const;

/** Of a model that no station runs yet. */
const NOBODYS: Pick<StationConfig, 'name' | 'regions' | 'threshold' | 'deadlineMs'> = {
  name: '(none)',
  regions: [],
  threshold: { falseRejectRate: 0.005 },
  deadlineMs: 2_000,
};

/**
 * Proves an installed bundle for every station that would run it, one after the other.
 *
 * @param folder of the bundle
 * @param station that it is for; all that run this model when left out
 * @throws SideglanceError as `proveApart`
 */
export async function proveInstalled(
  config: Pick<Config, 'stations' | 'models' | 'infer' | 'stateFolder'>,
  { id, folder, station }: { readonly id: string; readonly folder: string; readonly station?: string },
): Promise<ProofFigures[]> {
  const { models, infer, stateFolder } = config;
  const users = config.stations.filter(
    ({ name, model }) => model === join(models.store, id) && (station === undefined || name === station),
  );
  const acceptance = AcceptanceSet.in(stateFolder);
  const withinMs = infer.providers.includes('tensorrt') ? PROOF_LIMITS.withEngineMs : PROOF_LIMITS.withinMs;
  const figures: ProofFigures[] = [];
  for (const { name, regions, threshold, deadlineMs } of users.length > 0 ? users : [NOBODYS]) {
    const judgeMs = models.maxJudgeMs ?? deadlineMs;
    const limits = { judgeMs, memoryMb: models.maxMemoryMb, withinMs };
    const parts = await acceptance.list(name);
    figures.push(await proveApart({ folder, station: { name, regions, threshold }, infer, acceptance: parts, limits }));
  }
  return figures;
}
