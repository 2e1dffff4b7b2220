import { SideglanceError } from '../errors.js';
import type { CommandOf, ResultOf } from '../publish/command-messages.js';

/**
 * The work behind the `model.*` commands: what keeps models on the disk and puts them to use. Each settles when its work is
 * done, or rejects with a SideglanceError and leaves everything as it was. `model.install` may come again under another id.
 */
export interface ModelCommands {
  install(wanted: CommandOf<'model.install'>): Promise<ResultOf<'model.install'>>;
  activate(wanted: CommandOf<'model.activate'>): Promise<ResultOf<'model.activate'>>;
  rollback(wanted: CommandOf<'model.rollback'>): Promise<ResultOf<'model.rollback'>>;
  confirm(wanted: CommandOf<'model.confirm'>): Promise<ResultOf<'model.confirm'>>;
}

async function unsupported(): Promise<never> {
  throw new SideglanceError(
    'SG_COMMAND_UNSUPPORTED',
    'this version does not replace models by command: set `model` of the station in the configuration, and restart',
  );
}

/** Answers each with SG_COMMAND_UNSUPPORTED. */
export const NO_MODEL_COMMANDS: ModelCommands = {
  install: unsupported,
  activate: unsupported,
  rollback: unsupported,
  confirm: unsupported,
};
