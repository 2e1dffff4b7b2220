import { reasonOf, SideglanceError } from '../errors.js';
import { type BundleSource, openSource, TarSource } from '../model/bundle/source.js';
import { openPlain } from '../model/small-file.js';
import type { ModelState } from '../model/store/state.js';
import type { UpdateOrigin } from '../publish/update-message.js';
import type { DeviceModels } from './device-models.js';
import type { Downloads, Wanted } from './download/downloads.js';
import { type Activation, activateInstalled, byVersion, type InstallResult, installBundle } from './install.js';
import type { UpdateBoard } from './update-board.js';

export const UPDATER_LIMITS = {
  /** Updates that are under way or wait. */
  underWay: 5,
} as const;

export interface UpdateRequest {
  /** Names it on this device. */
  readonly key: string;
  readonly origin: UpdateOrigin;
  readonly rollout?: string;
  /** Ends it before it is active, as if it had not been begun: it waits for another time. */
  readonly signal?: AbortSignal;
}

export interface InstallRequest extends UpdateRequest {
  readonly from: Wanted | { readonly file: string };
  /** Null: only installed. */
  readonly activate: Activation | null;
  /** A bundle of another model or version is refused. */
  readonly expected?: { readonly model: string; readonly version: string };
}

export interface ActivateRequest extends UpdateRequest {
  readonly model: string;
  readonly version: string;
  readonly activate: Activation;
}

export interface UpdaterOptions {
  readonly device: DeviceModels;
  readonly downloads: Downloads;
  readonly board: UpdateBoard;
}

/**
 * Brings models onto the device while it runs, and tells on the board how far each is. Bundles come one after the other; what is
 * installed already waits for none of them.
 */
export class Updater {
  readonly #options: UpdaterOptions;
  readonly #abort = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: UpdaterOptions) {
    this.#options = options;
  }

  /**
   * Settles when the bundle is installed, or active; what becomes of it then, the board tells.
   * @throws SideglanceError `SG_COMMAND_BUSY` where too many are under way; as `Downloads.fetch` and `installBundle`; what `signal` was
   * aborted with
   */
  install(request: InstallRequest): Promise<InstallResult> {
    const { activate, expected } = request;
    const known = { model: expected?.model ?? null, version: expected?.version ?? null };
    return this.#told(request, known, activate, () => {
      const signal = this.#signalOf(request);
      return this.#inTurn(signal, () => this.#install(request, signal));
    });
  }

  /**
   * Makes a version active that is installed.
   * @throws SideglanceError `SG_COMMAND_BUSY` where too many are under way; as `activateInstalled`
   */
  activate(request: ActivateRequest): Promise<ModelState> {
    const { key, model, version, activate } = request;
    const { device, board } = this.#options;
    return this.#told(request, { model, version }, activate, async () => {
      board.change(key, { phase: 'proving' });
      const state = await activateInstalled(device, { id: model, version }, activate, this.#signalOf(request));
      board.change(key, { phase: 'active', digest: byVersion(state, version).digest });
      board.follow(state);
      return state;
    });
  }

  /** Ends what is under way, which is as if it had not been begun, and refuses what waits. */
  async stop(): Promise<void> {
    this.#abort.abort(
      new SideglanceError('SG_COMMAND_INTERRUPTED', 'the agent was stopped meanwhile. Ask for it again when it runs'),
    );
    await Promise.all(this.#underWay);
  }

  #signalOf({ signal }: UpdateRequest): AbortSignal {
    return signal === undefined ? this.#abort.signal : AbortSignal.any([this.#abort.signal, signal]);
  }

  #inTurn<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => {
      signal.throwIfAborted();
      return work();
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #told<T>(
    { key, origin, rollout, signal }: UpdateRequest,
    known: { readonly model: string | null; readonly version: string | null },
    activate: Activation | null,
    work: () => Promise<T>,
  ): Promise<T> {
    const { board } = this.#options;
    const { underWay } = UPDATER_LIMITS;
    if (this.#underWay.size >= underWay) {
      throw new SideglanceError(
        'SG_COMMAND_BUSY',
        `${underWay} updates are under way or wait already. Ask again later`,
      );
    }
    const stations = activate?.stations === undefined ? null : [...activate.stations];
    board.add({ key, origin, rollout: rollout ?? null, ...known, stations });
    const working = work();
    const ended = working.then(
      () => {},
      (thrown: unknown) => {
        const { code, message } = asUpdateError(thrown);
        board.change(key, { phase: signal?.aborted ? 'waiting' : 'refused', percent: null, code, reason: message });
      },
    );
    this.#underWay.add(ended);
    try {
      return await working;
    } catch (thrown) {
      throw asUpdateError(thrown);
    } finally {
      await ended;
      this.#underWay.delete(ended);
    }
  }

  async #install({ key, from, activate, expected }: InstallRequest, signal: AbortSignal): Promise<InstallResult> {
    const { device, downloads, board } = this.#options;
    const file = 'url' in from ? await this.#fetch(key, from, signal) : null;
    let source: BundleSource | null = null;
    try {
      source = 'url' in from ? await tarOf(file as string, from.url) : await openSource(from.file);
      const installed = await installBundle(device, source, {
        activate,
        signal,
        ...(expected && { expected: { id: expected.model, version: expected.version } }),
        onPhase: (phase, done) => board.change(key, { phase, percent: done === null ? null : Math.floor(done * 100) }),
        onVerified: ({ manifest: { id, version }, digest }) => board.change(key, { model: id, version, digest }),
      });
      const { id, isActive, plan } = installed;
      const state = await device.store.state(id);
      // In one turn: nobody is to hear `active` of one that is on probation.
      const phase = isActive ? 'active' : plan === null ? 'installed' : plan.shadow === null ? 'scheduled' : 'shadow';
      board.change(key, { percent: null, phase });
      board.follow(state);
      return installed;
    } finally {
      await source?.close();
      if (file !== null) await downloads.remove(file);
    }
  }

  #fetch(key: string, wanted: Wanted, signal: AbortSignal): Promise<string> {
    const { downloads, board } = this.#options;
    board.change(key, { phase: 'downloading' });
    return downloads.fetch(wanted, {
      signal,
      onProgress: (bytes, total) =>
        board.change(key, { percent: total === null || total === 0 ? null : Math.floor((bytes / total) * 100) }),
    });
  }
}

/** Named by where it came from: for messages. */
async function tarOf(path: string, url: string): Promise<BundleSource> {
  const { origin, pathname } = new URL(url);
  return new TarSource(`${origin}${pathname}`, (await openPlain(path)).createReadStream({ highWaterMark: 256 * 1024 }));
}

function asUpdateError(thrown: unknown): SideglanceError {
  if (thrown instanceof SideglanceError) return thrown;
  return new SideglanceError('SG_STORAGE', `the update failed: ${reasonOf(thrown)}. See to it, then ask again`, {
    cause: thrown,
  });
}
