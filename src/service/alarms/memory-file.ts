import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { reasonOf, SideglanceError } from '../../errors.js';
import type { AlarmMemory } from './alarms.js';
import { ALARMS } from './region-alarms.js';

const cusum = z.object({ evidence: z.number(), sum: z.number(), count: z.number(), raised: z.boolean() });
const spread = z.object({ count: z.number(), mean: z.number(), squares: z.number() });
const timestamp = z.object({ utc: z.string(), monotonicMs: z.number() });
const region = z.object({
  state: z.object({
    model: z.string(),
    threshold: z.number(),
    drift: z.object({
      sum: z.number(),
      count: z.number(),
      scores: spread,
      batches: spread,
      high: cusum,
      low: cusum,
    }),
    rejects: z.object({ verdicts: z.number(), rejects: z.number(), cusum }),
  }),
  since: z.partialRecord(z.enum(ALARMS), timestamp),
});
const file = z.object({
  schema: z.literal('sideglance/alarms/1'),
  stations: z.record(z.string(), z.record(z.string(), region)),
});

/**
 * What the alarms had learnt when the last run ended.
 * @throws SideglanceError SG_STORAGE where there is a file that cannot be read: it is then learnt anew
 */
export function readAlarmMemory(path: string): AlarmMemory {
  if (!existsSync(path)) return {};
  try {
    return file.parse(JSON.parse(readFileSync(path, 'utf8'))).stations as AlarmMemory;
  } catch (cause) {
    const text = `${path} cannot be read (${reasonOf(cause)}): what the alarms had learnt is learnt anew`;
    throw new SideglanceError('SG_STORAGE', text, { cause });
  }
}

/**
 * Keeps what the alarms have learnt; a few kB, and whole whatever happens meanwhile: it appears by a rename.
 * @throws SideglanceError SG_STORAGE where it cannot be written
 */
export async function writeAlarmMemory(path: string, memory: AlarmMemory): Promise<void> {
  const fresh = `${path}.new`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(fresh, `${JSON.stringify({ schema: 'sideglance/alarms/1', stations: memory })}\n`);
    await rename(fresh, path);
  } catch (cause) {
    const text = `${path} cannot be written (${reasonOf(cause)}): after a restart the alarms learn anew what is normal`;
    throw new SideglanceError('SG_STORAGE', text, { cause });
  }
}
