import { z } from 'zod';
import { clockSynced, device, name, open, timestamp } from './message-fields.js';

/** How models come onto the device: `update`. */

export const UPDATE_MESSAGE_LIMITS = {
  /** Reports that are kept; the newest. */
  reports: 8,
} as const;

export const UPDATE_ORIGINS = ['command', 'folder', 'rollout', 'device'] as const;

export const UPDATE_PHASES = [
  'waiting',
  'downloading',
  'verifying',
  'proving',
  'installed',
  'scheduled',
  'shadow',
  'probation',
  'active',
  'refused',
  'rolled back',
] as const;

export type UpdateOrigin = (typeof UPDATE_ORIGINS)[number];
export type UpdatePhase = (typeof UPDATE_PHASES)[number];

export const updateReport = z.object({
  key: name.describe('Names this update on this device: the id of the command, the name of the file, the rollout.'),
  origin: open(UPDATE_ORIGINS).describe(
    'Who asked for it: a command, a file in the watched folder, a rollout, or somebody at the device.',
  ),
  rollout: z.string().nullable().describe('The rollout that it belongs to.'),
  model: z.string().nullable().describe('The id of the model; null until that is known.'),
  version: z.string().nullable().describe('Its version; null until that is known.'),
  phase: open(UPDATE_PHASES).describe(
    'How far it is. It ends as `installed` (where it was not to be activated), `active`, `refused` or `rolled back`.',
  ),
  percent: z.int().min(0).max(100).nullable().describe('How much of the phase is done; null where that is not known.'),
  stations: z.array(name).nullable().describe('The stations that it is for; null: all that run this model.'),
  code: z.string().nullable().describe('Why it was refused or rolled back: a code, as of answers to commands.'),
  reason: z.string().nullable().describe('The same in words.'),
  since: timestamp.describe('When this phase began.'),
  at: timestamp.describe('When this report was made.'),
});

export const updateSchema = z
  .object({
    schema: z.literal('sideglance/update/1'),
    device,
    updates: z
      .array(updateReport)
      .max(UPDATE_MESSAGE_LIMITS.reports)
      .describe('The newest first, each with its last report.'),
    published: timestamp,
    clockSynced,
  })
  .describe('What became of the models that were to be installed. Topic `update`, QoS 1, retained, latest value.');

export type UpdateMessage = z.infer<typeof updateSchema>;
export type UpdateReport = z.infer<typeof updateReport>;
