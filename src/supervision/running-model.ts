import { nameByFolder } from '../model/store/state.js';
import { agreementOf, type ShadowReport } from '../shadow.js';
import type { EngineBuild, FailedBundle, ModelInUse, RunningBundle } from '../types.js';
import { timestamp } from './moment.js';
import { NOTHING_IN_USE, type SupervisionEvent, type SupervisionEvents } from './reports.js';

/** What one station runs, by what its process says, told to whoever publishes it. */
export class RunningModel {
  readonly #station: string;
  readonly #events: SupervisionEvents;
  #inUse: ModelInUse = NOTHING_IN_USE;

  constructor(station: string, events: SupervisionEvents) {
    this.#station = station;
    this.#events = events;
  }

  get inUse(): ModelInUse {
    return this.#inUse;
  }

  /** The process has loaded its first model; those that it was to prefer do not load. */
  ready({ passedOver, ...bundle }: RunningBundle & { readonly passedOver: readonly FailedBundle[] }): void {
    const [preferred] = passedOver;
    this.#runs(bundle, preferred ?? null);
    const { folder, model, provider, precision } = bundle;
    for (const { reason, code, folder: failed } of passedOver) {
      this.#log('error', 'station.fallback', { model, instead: nameByFolder(failed), code, reason });
    }
    this.#log('info', 'station.ready', { model, provider, precision });
    this.#events.onBundle({ outcome: 'in use', folder, passedOver });
  }

  switched(bundle: RunningBundle): void {
    const before = this.#inUse.model;
    this.#runs(bundle, null);
    const { folder, model, provider, precision } = bundle;
    this.#log('info', 'station.switched', { model, before, provider, precision });
    this.#events.onBundle({ outcome: 'in use', folder, passedOver: [] });
  }

  refused({ folder, code, reason }: FailedBundle): void {
    this.#set({ ...this.#inUse, building: null, refused: refusal({ folder, code, reason }) });
    const model = nameByFolder(folder);
    this.#log('error', 'station.switch-refused', { model, goesOn: this.#inUse.model, code, reason });
    this.#events.onBundle({ outcome: 'refused', folder, code, reason });
  }

  /** Publishes why another bundle runs than the one that was to. */
  tellRefused(failed: FailedBundle): void {
    this.#set({ ...this.#inUse, refused: refusal(failed) });
  }

  /** @param report null: the shadow was ended before its time */
  shadow(report: ShadowReport | null): void {
    const before = this.#inUse.shadow;
    if (report === null) {
      if (before?.isOver === false) this.#set({ ...this.#inUse, building: null, shadow: null });
      return;
    }
    const { folder: _, ...state } = report;
    const { model, purpose, isOver, compared, outcomes } = state;
    const isNews = before?.model !== model || before.isOver !== isOver;
    this.#set({ ...this.#inUse, building: null, shadow: state });
    if (isOver) {
      this.#log('info', 'station.shadow-over', {
        model,
        purpose,
        compared,
        ...outcomes,
        agreement: agreementOf(state),
      });
    } else if (isNews) this.#log('info', 'station.shadow-begun', { model, purpose, beside: this.#inUse.model });
    this.#events.onBundle({ outcome: 'compared', report });
  }

  shadowRefused({ folder, code, reason }: FailedBundle): void {
    this.#set({ ...this.#inUse, building: null });
    this.#log('error', 'station.shadow-refused', { model: nameByFolder(folder), code, reason });
    this.#events.onBundle({ outcome: 'shadow refused', folder, code, reason });
  }

  /** It judges by another threshold now. */
  judgesBy(threshold: number): void {
    this.#set({ ...this.#inUse, threshold });
  }

  builds(model: string, build: EngineBuild): void {
    const { provider, precision, phase } = build;
    const isNews = this.#inUse.building?.phase !== phase;
    const isNext = this.#inUse.provider !== null;
    this.#set({ ...(isNext ? this.#inUse : { ...NOTHING_IN_USE, model }), building: build });
    if (isNews) this.#log('info', 'station.building', { model, provider, precision, phase });
  }

  /** The process ended, for this reason. */
  ended(reason: string): void {
    this.#set(NOTHING_IN_USE);
    this.#events.onBundle({ outcome: 'lost', reason });
  }

  #runs({ model, provider, precision, skipped, threshold }: RunningBundle, preferred: FailedBundle | null): void {
    const refused = preferred && refusal(preferred);
    this.#set({ model, provider, precision, skipped, building: null, threshold, refused, shadow: null });
    for (const failure of skipped) this.#log('warn', 'station.provider-skipped', { ...failure });
  }

  #set(inUse: ModelInUse): void {
    if (this.#inUse === inUse) return;
    this.#inUse = inUse;
    this.#events.onModel(inUse);
  }

  #log(level: 'info' | 'warn' | 'error', event: SupervisionEvent, fields: Readonly<Record<string, unknown>>): void {
    this.#events.onEvent(level, event, { station: this.#station, ...fields });
  }
}

function refusal({ folder, code, reason }: FailedBundle): ModelInUse['refused'] {
  return { model: nameByFolder(folder), code, reason, at: timestamp() };
}
