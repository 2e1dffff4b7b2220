import { performance } from 'node:perf_hooks';
import type { Picture } from '../../types.js';
import type { ModelFiles } from '../contract.js';
import type { Provider } from '../ort/session.js';
import { type Scoring, scoreMaps } from '../score.js';
import type { RegionScorer, Scored, ScoredRegion } from '../scored.js';
import { FieldGraphs, type FieldGraphsOptions, type FieldSettings } from './field-graphs.js';
import { RegionRun } from './region-run.js';

export interface FieldScorerOptions extends FieldGraphsOptions {
  readonly scoring: Scoring;
}

/**
 * Scores regions of any size with a `field` model, in tiles. Its maps are those that the model would give for the region as
 * a whole. Memory goes by the tiles in flight and by one band of each region in flight, not by the size of the region.
 */
export class FieldScorer implements RegionScorer {
  readonly provider: Provider;
  readonly batch: number;
  readonly regionSize = null;
  readonly #graphs: FieldGraphs;
  readonly #settings: FieldSettings;
  readonly #scoring: Scoring;
  readonly #name: string;
  /** Of the band of each region in flight, for the next one. */
  readonly #memory: Float32Array[] = [];
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(graphs: FieldGraphs, { settings, scoring, name }: FieldScorerOptions) {
    this.provider = graphs.provider;
    this.batch = graphs.tiles;
    this.#graphs = graphs;
    this.#settings = settings;
    this.#scoring = scoring;
    this.#name = name;
  }

  /** @throws SideglanceError as `FieldGraphs.load` */
  static async create(files: ModelFiles, options: FieldScorerOptions): Promise<FieldScorer> {
    const { scoring, ...others } = options;
    return new FieldScorer(await FieldGraphs.load(files, others), options);
  }

  async scoreAll(picture: Picture, regions: readonly ScoredRegion[], onRun?: () => void): Promise<Scored[]> {
    const turn = this.#queue.then(() => this.#scoreNow(picture, regions, onRun));
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async close(): Promise<void> {
    await this.#queue;
    await this.#graphs.close();
  }

  /** As many regions at a time as there are tiles in a batch, so that small ones share it. */
  async #scoreNow(
    picture: Picture,
    regions: readonly ScoredRegion[],
    onRun: (() => void) | undefined,
  ): Promise<Scored[]> {
    const { features, context } = this.#graphs;
    features.onRun = onRun;
    context.onRun = onRun;
    const results: Scored[] = [];
    try {
      for (let start = 0; start < regions.length; start += this.batch) {
        results.push(...(await this.#scoreTogether(picture, regions.slice(start, start + this.batch))));
      }
      return results;
    } finally {
      features.clear();
      context.clear();
    }
  }

  async #scoreTogether(picture: Picture, regions: readonly ScoredRegion[]): Promise<Scored[]> {
    const { features, context } = this.#graphs;
    const begun = performance.now();
    const ranBefore = features.runMs + context.runMs;
    const runs = regions.map(
      (region, lane) => new RegionRun(picture, region, this.#settings, (values) => this.#memoryOf(lane, values)),
    );
    for (let band = 0; runs.some(({ bands }) => band < bands); band++) {
      const going = runs.filter(({ bands }) => band < bands);
      for (const run of going) await run.describe(band, features);
      await features.flush();
      for (const run of going) await run.judge(band, context);
      await context.flush();
    }
    const scores = runs.map(({ maps }) =>
      scoreMaps(maps, this.#scoring, { name: this.#name, provider: this.provider }),
    );
    const networkMs = (features.runMs + context.runMs - ranBefore) / runs.length;
    const crops = runs.reduce((sum, { cropMs }) => sum + cropMs, 0);
    const postprocessMs = (performance.now() - begun - crops) / runs.length - networkMs;
    return runs.map(({ maps, cropMs }, index) => {
      return { ...scores[index]!, maps, located: null, cropMs, networkMs, postprocessMs };
    });
  }

  #memoryOf(lane: number, values: number): Float32Array {
    const held = this.#memory[lane];
    if (held && held.length >= values) return held;
    const memory = new Float32Array(values);
    this.#memory[lane] = memory;
    return memory;
  }
}
