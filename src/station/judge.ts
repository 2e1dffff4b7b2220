import { WHOLE_FRAME } from '../config/models.js';
import type { PublishConfig } from '../config/publish.js';
import { reasonOf, SideglanceError } from '../errors.js';
import { partVerdict } from '../infer/verdict.js';
import type {
  Attachment,
  Frame,
  Inspection,
  PartId,
  Picture,
  Region,
  RegionResult,
  StageTimings,
  Verdict,
} from '../types.js';
import { isDue, MapChoice } from './map-choice.js';

/** What looks at the regions of a picture: the inspector of `src/infer`. */
export interface RegionInspector {
  /** `<id>@<version>` */
  readonly model: string;
  readonly provider: string;
  inspectRegions(
    picture: Picture,
    regions: readonly Region[],
    onRun?: () => void,
  ): Promise<{
    readonly regions: readonly RegionResult[];
    readonly cropMs: number;
    readonly networkMs: number;
    readonly postprocessMs: number;
  }>;
}

/** What makes files of maps and frames: `src/encode`. */
export interface Encoders {
  /** @param due the regions whose maps are wanted; at least one */
  maps(
    picture: Picture,
    judged: { readonly verdict: Verdict; readonly regions: readonly RegionResult[] },
    due: readonly RegionResult[],
  ): readonly Promise<Attachment>[];
  frame(picture: Picture): Promise<Attachment>;
}

export interface JudgeOptions {
  readonly station: string;
  readonly epoch: string;
  /** Empty: the whole frame. */
  readonly regions: readonly Region[];
  readonly publish: PublishConfig;
  /** The current one is asked once for each part. */
  readonly models: { readonly current: RegionInspector };
  readonly encoders: Encoders;
  /** Called after each run of the network, of which a large part takes many. */
  readonly onRun?: () => void;
  /** CLOCK_MONOTONIC in milliseconds. */
  readonly now: () => number;
}

export interface Judgement {
  readonly inspection: Inspection;
  readonly attachments: readonly Attachment[];
  /** What went wrong, where something did; the verdict is `invalid` then. */
  readonly error: SideglanceError | null;
  /** Nobody looked at it. */
  readonly isPaused: boolean;
}

/** Turns frames into answers. Whatever goes wrong with a frame becomes an `invalid` answer for it, never silence. */
export class Judge {
  readonly #options: JudgeOptions;
  readonly #mapChoice: MapChoice;

  constructor(options: JudgeOptions) {
    this.#options = options;
    this.#mapChoice = new MapChoice(options.publish.maps);
  }

  partOf(frame: Frame): PartId {
    const { station, epoch } = this.#options;
    return { station, epoch, sequence: frame.sequence };
  }

  /**
   * Never rejects. The frame's memory is no longer needed once it has settled.
   * @param isPaused answer `invalid: paused` without looking at it
   */
  async judge(frame: Frame, isPaused = false): Promise<Judgement> {
    if (isPaused) return { inspection: this.#paused(frame), attachments: [], error: null, isPaused };
    const { models, now, onRun } = this.#options;
    const inspector = models.current;
    const begunMs = now();
    const { picture, captured } = frame;
    const spent = { capture: begunMs - captured.monotonicMs, crop: 0, network: 0, postprocess: 0, encode: 0 };
    let regions: readonly RegionResult[] = [];
    let verdict: Verdict;
    let error: SideglanceError | null = null;
    try {
      const inspected = await inspector.inspectRegions(picture, this.#regionsOf(picture), onRun);
      regions = inspected.regions;
      verdict = partVerdict(regions);
      spent.crop = inspected.cropMs;
      spent.network = inspected.networkMs;
      spent.postprocess = inspected.postprocessMs;
    } catch (thrown) {
      error = asError(thrown);
      verdict = { result: 'invalid', reason: 'error', detail: error.message };
    }

    const encodingMs = now();
    const { attachments, failure } = await this.#encode(verdict, regions, picture);
    spent.encode = now() - encodingMs;
    const timings: StageTimings = { ...spent, total: now() - captured.monotonicMs };
    return {
      inspection: { ...this.#answerTo(frame), verdict, regions, timings },
      attachments,
      error: error ?? failure,
      isPaused,
    };
  }

  #paused(frame: Frame): Inspection {
    const total = this.#options.now() - frame.captured.monotonicMs;
    return {
      ...this.#answerTo(frame),
      verdict: { result: 'invalid', reason: 'paused', detail: 'the station was paused by a command; `resume` ends it' },
      regions: [],
      timings: { capture: total, crop: 0, network: 0, postprocess: 0, encode: 0, total },
    };
  }

  /** All but what was found. */
  #answerTo(frame: Frame): Omit<Inspection, 'verdict' | 'regions' | 'timings'> {
    const { model, provider } = this.#options.models.current;
    return {
      part: this.partOf(frame),
      captured: frame.captured,
      ptsNs: frame.ptsNs,
      frameWidth: frame.picture.width,
      frameHeight: frame.picture.height,
      model,
      provider,
      skippedFrames: frame.skipped,
    };
  }

  #regionsOf(picture: Picture): readonly Region[] {
    const { regions } = this.#options;
    if (regions.length > 0) return regions;
    return [{ name: WHOLE_FRAME, x: 0, y: 0, width: picture.width, height: picture.height }];
  }

  /** A picture that cannot be encoded does not take the verdict with it. */
  async #encode(
    verdict: Verdict,
    regions: readonly RegionResult[],
    picture: Picture,
  ): Promise<{ attachments: Attachment[]; failure: SideglanceError | null }> {
    const { publish, encoders, now } = this.#options;
    const due = this.#mapChoice.choose(verdict, regions, now());
    const work = [
      ...(due.length > 0 ? encoders.maps(picture, { verdict, regions }, due) : []),
      ...(isDue(publish.frames, verdict) ? [encoders.frame(picture)] : []),
    ];
    const attachments: Attachment[] = [];
    let failure: SideglanceError | null = null;
    for (const result of await Promise.allSettled(work)) {
      if (result.status === 'fulfilled') attachments.push(result.value);
      else failure ??= asError(result.reason);
    }
    return { attachments, failure };
  }
}

function asError(thrown: unknown): SideglanceError {
  if (thrown instanceof SideglanceError) return thrown;
  return new SideglanceError('SG_RUNTIME', `the frame could not be inspected: ${reasonOf(thrown)}`, { cause: thrown });
}
