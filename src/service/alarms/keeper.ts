import { join } from 'node:path';
import type { StationConfig } from '../../config/schema.js';
import type { SideglanceError } from '../../errors.js';
import type { Inspection, Timestamp } from '../../types.js';
import { type AlarmChange, type AlarmMemory, Alarms } from './alarms.js';
import { readAlarmMemory, writeAlarmMemory } from './memory-file.js';

export const ALARM_LIMITS = {
  /** What was learnt since is lost when the machine loses its power. */
  keepEveryMs: 60_000,
} as const;

export interface AlarmKeeperOptions {
  readonly stations: readonly StationConfig[];
  /** Where what was learnt is kept. */
  readonly folder: string;
  readonly now: () => Timestamp;
  readonly onChange: (change: AlarmChange) => void;
  /** The memory cannot be read or written. Told once for each. */
  readonly onFault: (fault: SideglanceError) => void;
}

/** The alarms of the device, and what they have learnt, kept from one run to the next. */
export class AlarmKeeper {
  readonly alarms: Alarms;
  readonly #options: AlarmKeeperOptions;
  readonly #file: string;
  #timer: NodeJS.Timeout | undefined;
  #isNew = false;
  #hasFailed = false;

  constructor(options: AlarmKeeperOptions) {
    this.#options = options;
    this.#file = join(options.folder, 'alarms.json');
    this.alarms = new Alarms(options.stations, options.now, this.#remembered());
  }

  start(): void {
    this.#timer = setInterval(() => void this.#keep(), ALARM_LIMITS.keepEveryMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#keep();
  }

  add(inspection: Inspection): void {
    this.#isNew = true;
    for (const change of this.alarms.add(inspection)) this.#options.onChange(change);
  }

  #remembered(): AlarmMemory {
    try {
      return readAlarmMemory(this.#file);
    } catch (thrown) {
      this.#options.onFault(thrown as SideglanceError);
      return {};
    }
  }

  async #keep(): Promise<void> {
    if (!this.#isNew) return;
    this.#isNew = false;
    try {
      await writeAlarmMemory(this.#file, this.alarms.memory());
      this.#hasFailed = false;
    } catch (thrown) {
      if (!this.#hasFailed) this.#options.onFault(thrown as SideglanceError);
      this.#hasFailed = true;
    }
  }
}
