import type { CommandOf, ResultOf } from '../publish/command-messages.js';
import type { RolloutWork } from './rollout-work.js';

/**
 * The work behind the `model.*` commands: what keeps models on the disk and puts them to use. Each settles when its work is
 * done, or rejects with a SideglanceError and leaves everything as it was. `model.install` may come again under another id.
 */
export interface ModelCommands {
  install(wanted: CommandOf<'model.install'>, id: string): Promise<ResultOf<'model.install'>>;
  activate(wanted: CommandOf<'model.activate'>, id: string): Promise<ResultOf<'model.activate'>>;
  rollback(wanted: CommandOf<'model.rollback'>, id: string): Promise<ResultOf<'model.rollback'>>;
  confirm(wanted: CommandOf<'model.confirm'>): Promise<ResultOf<'model.confirm'>>;
}

/** Everything that can be asked about models from outside. */
export interface ModelOrders {
  /** Of the models of the store that stations run. */
  readonly ids: readonly string[];
  readonly commands: ModelCommands;
  readonly rollouts: RolloutWork;
  /** Milliseconds since 1970; null while nobody vouches for the clock. */
  readonly nowMs: () => number | null;
}
