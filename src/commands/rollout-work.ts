import type { ErrorCode } from '../errors.js';
import type { RolloutMessage } from '../publish/rollout-message.js';

/** What says which it is, and where it was brought. */
export type BroughtRollout = Pick<RolloutMessage, 'id' | 'model' | 'version' | 'stations'>;

/** What keeps models on the disk and puts them to use. */
export interface RolloutWork {
  /**
   * Fetches, verifies, proves and activates it, and says how far it is meanwhile. Settles when it is in use, or planned to be; rejects with a
   * SideglanceError and leaves everything as it was when it is refused, or when the signal comes before it was made active.
   */
  bring(rollout: RolloutMessage, signal: AbortSignal): Promise<void>;
  /** Takes back that it is to be used later. @returns false where it is not, for it is in use, say */
  cancel(rollout: BroughtRollout): Promise<boolean>;
  /** As `cancel`, and the last good version is used again where it is in use, and it is barred. */
  withdraw(rollout: RolloutMessage): Promise<void>;
  /** Publishes what keeps it from being brought: for now, or, with a code, for good. */
  tell(rollout: BroughtRollout, phase: 'waiting' | 'refused', code: ErrorCode | null, reason: string): void;
}
