import type { RolloutMessage } from '../../src/publish/rollout-message.js';

/** A rollout that everybody takes part in, at once. */
export const ROLLOUT: RolloutMessage = {
  schema: 'sideglance/rollout/1',
  id: 'r-1',
  model: 'bracket',
  version: '1.4.0',
  url: 'https://models.example/bracket.tar',
  sha256: 'a'.repeat(64),
  devices: { percent: 100 },
  activate: { when: 'now' },
  spreadSeconds: 0,
  state: 'running',
  issued: '2025-03-01T06:15:00.000Z',
  expires: '2095-03-08T06:15:00.000Z',
};
