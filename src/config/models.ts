import type { Config } from './schema.js';

/** A bundle as stations run it: regions of a part share its batches. */
export interface ModelInUse {
  /** Folder of the bundle. */
  readonly model: string;
  readonly regionsPerPart: number;
  /** Names of the stations. */
  readonly stations: readonly string[];
}

/** What has to be loaded to have loaded whatever these stations load. */
export function modelsInUse(stations: Config['stations']): ModelInUse[] {
  const found = new Map<string, ModelInUse>();
  for (const { name, model, regions } of stations) {
    const regionsPerPart = regionsOf({ regions });
    const key = `${regionsPerPart} ${model}`;
    const before = found.get(key)?.stations ?? [];
    found.set(key, { model, regionsPerPart, stations: [...before, name] });
  }
  return [...found.values()];
}

/** How many regions a station inspects of each part: the whole frame is one. */
export function regionsOf({ regions }: Pick<Config['stations'][number], 'regions'>): number {
  return Math.max(1, regions.length);
}

/** The name of the region that stands for the whole frame. */
export const WHOLE_FRAME = 'frame';

/** The names of the regions that a station's verdicts are about. */
export function regionNames({ regions }: Pick<Config['stations'][number], 'regions'>): string[] {
  return regions.length === 0 ? [WHOLE_FRAME] : regions.map(({ name }) => name);
}
