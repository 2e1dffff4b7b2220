import type { ShadowReport, ShadowTask } from '../shadow.js';
import type { Frame, Inspection, Picture, StationMessage, ThresholdChoice } from '../types.js';
import { Comparison, type Judged } from './comparison.js';
import type { RegionInspector } from './judge.js';
import { causeOf } from './loop.js';
import type { Closable } from './succession.js';

export const SHADOW_LIMITS = {
  /** At most one report in this time, but for the first and the last one. */
  reportEveryMs: 2_000,
} as const;

export interface ShadowModel extends RegionInspector, Closable {
  setThreshold(choice: ThresholdChoice): void;
}

export interface ShadowOptions {
  /** Loads the model in a folder and proves it. Must not hold up the event loop. */
  readonly load: (folder: string) => Promise<ShadowModel>;
  /** What the station judges by now. */
  readonly threshold: () => ThresholdChoice;
  readonly send: (message: StationMessage) => Promise<void>;
  /** CLOCK_MONOTONIC in milliseconds. */
  readonly now: () => number;
}

interface Running {
  readonly task: ShadowTask;
  readonly model: ShadowModel;
  readonly comparison: Comparison;
  readonly sinceMs: number;
  reportedMs: number;
}

/**
 * A model that looks at parts after they were answered, on copies of their frames. One at a time: a part that comes while it
 * is busy is not looked at, and counted, so that no part waits for it and no frame is kept beside the one.
 */
export class Shadow {
  readonly #options: ShadowOptions;
  #wanted: ShadowTask | null = null;
  #running: Running | null = null;
  #isLoading = false;
  #isBusy = false;
  /** What the frame is copied to. */
  #pixels = new Uint8Array(0);

  constructor(options: ShadowOptions) {
    this.#options = options;
  }

  /** The newest wish counts, and begins anew; loads one at a time. Null: none. Never rejects. */
  async want(task: ShadowTask | null): Promise<void> {
    this.#wanted = task;
    if (this.#isLoading) return;
    this.#isLoading = true;
    while (this.#wanted !== (this.#running?.task ?? null)) {
      await this.#stop();
      if (this.#wanted !== null) await this.#begin(this.#wanted);
    }
    this.#isLoading = false;
  }

  /** The station judges by another threshold now. */
  setThreshold(choice: ThresholdChoice): void {
    this.#running?.model.setThreshold(choice);
  }

  /** A part was answered. The frame is copied before this returns. */
  offer({ picture }: Frame, { regions, timings }: Inspection): void {
    const running = this.#running;
    if (running === null || regions.length === 0) return;
    if (this.#isBusy) {
      running.comparison.miss();
      return;
    }
    this.#isBusy = true;
    const judgeMs = timings.crop + timings.network + timings.postprocess;
    void this.#compare(running, this.#copyOf(picture), { regions, judgeMs });
  }

  /** To be called whenever the pull loop comes round: time may end it where no part comes. */
  check(): void {
    const running = this.#running;
    if (running === null) return;
    const { task, comparison, sinceMs, reportedMs } = running;
    const nowMs = this.#options.now();
    if (
      (task.parts !== null && comparison.compared >= task.parts) ||
      (task.minutes !== null && nowMs - sinceMs >= task.minutes * 60_000)
    ) {
      this.#running = null;
      // The wish is fulfilled; a newer one is being seen to.
      if (this.#wanted === task) this.#wanted = null;
      this.#tell(running, true);
      void letGo(running.model);
    } else if (nowMs - reportedMs >= SHADOW_LIMITS.reportEveryMs) this.#tell(running, false);
  }

  async close(): Promise<void> {
    this.#wanted = null;
    await this.#stop();
  }

  async #begin(task: ShadowTask): Promise<void> {
    const { load, threshold, send, now } = this.#options;
    try {
      const model = await load(task.folder);
      if (this.#wanted !== task) return await letGo(model);
      model.setThreshold(threshold());
      this.#running = { task, model, comparison: new Comparison(), sinceMs: now(), reportedMs: now() };
      this.#tell(this.#running, false);
    } catch (thrown) {
      if (this.#wanted === task) this.#wanted = null;
      void send({ type: 'shadow-refused', folder: task.folder, ...causeOf(thrown) });
    }
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    this.#running = null;
    void this.#options.send({ type: 'shadow', report: null });
    await letGo(running.model);
  }

  async #compare(running: Running, picture: Picture, current: Judged): Promise<void> {
    const regions = current.regions.map(({ region }) => region);
    const shadow = await running.model.inspectRegions(picture, regions).then(
      (found) => ({ regions: found.regions, judgeMs: found.cropMs + found.networkMs + found.postprocessMs }),
      () => null,
    );
    this.#isBusy = false;
    if (this.#running !== running) return;
    running.comparison.add(current, shadow);
    this.check();
  }

  #tell(running: Running, isOver: boolean): void {
    const { task, model, comparison } = running;
    running.reportedMs = this.#options.now();
    const { folder, purpose, parts, minutes } = task;
    const report: ShadowReport = {
      folder,
      model: model.model,
      purpose,
      wanted: { parts, minutes },
      isOver,
      ...comparison.figures(),
    };
    void this.#options.send({ type: 'shadow', report });
  }

  #copyOf(picture: Picture): Picture {
    if (this.#pixels.length !== picture.data.length) this.#pixels = new Uint8Array(picture.data.length);
    this.#pixels.set(picture.data);
    return { ...picture, data: this.#pixels };
  }
}

/** Waits for what is under way. Nothing can be done about memory that does not come back. */
async function letGo(model: ShadowModel): Promise<void> {
  await model.close().catch(() => undefined);
}
