import type { Box, Picture } from '../types.js';
import type { HeadMaps } from './defects.js';
import type { Found } from './locate/cropper.js';
import type { Provider } from './ort/session.js';

/** What the network says about one region. The maps belong to the receiver. */
export interface Scored {
  readonly score: number;
  /** Of the hottest cells, one for each term of the score. */
  readonly means: readonly number[];
  /** In the region's own grid, however the part lies. */
  readonly maps: HeadMaps;
  /** Where the part was found, and whether it was; null for a model that does not look for it. */
  readonly located: Found | null;
  /** Where regions share a batch, of the run of the network each has its share. */
  readonly cropMs: number;
  readonly networkMs: number;
  readonly postprocessMs: number;
}

export type ScoredRegion = Box & { readonly name?: string };

/**
 * The one way from pixels to scores. Calibration, golden samples, evaluation, `inspect` and the stations all come through
 * here, so that equal pixels give equal scores.
 */
export interface RegionScorer {
  readonly provider: Provider;
  /** Regions, or tiles of regions, that a run takes. */
  readonly batch: number;
  /** Pixels of a region that lose nothing on the way to the network, and no more than are looked at; null for any. */
  readonly regionSize: { readonly width: number; readonly height: number } | null;
  /**
   * Scores regions of one picture, which must stay as it is until the promise settles. Calls are answered in order.
   *
   * @param onRun called after each run of the network
   * @throws SideglanceError `SG_REGION_OUTSIDE`, `SG_REGION_SHAPE` where a region's shape does not fit the model,
   * `SG_FRAME_FORMAT`, `SG_RUNTIME` when a run fails or gives values that are not finite
   */
  scoreAll(picture: Picture, regions: readonly ScoredRegion[], onRun?: () => void): Promise<Scored[]>;
  /** Waits for what is under way, then frees everything native. */
  close(): Promise<void>;
}

/** The same for one region. @throws SideglanceError as `scoreAll` */
export async function scoreOne(scorer: RegionScorer, picture: Picture, region: ScoredRegion): Promise<Scored> {
  const [scored] = await scorer.scoreAll(picture, [region]);
  return scored as Scored; // one region in, one result out
}
