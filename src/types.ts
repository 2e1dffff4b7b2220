/**
 * The plain types that pass between the stages (capture → infer → encode → publish) and between the processes
 * (station → agent). Everything here survives a structured clone; nothing here has behaviour.
 */
import type { ByKind, DefectKind } from './kinds.js';
import type { MAP_MEDIA_TYPES, MapForm } from './map-forms.js';
import type { ShadowReport, ShadowState, ShadowTask } from './shadow.js';

/** Pixel layouts that the native paths understand. Everything else goes through `videoconvert` first. */
export type PixelFormat = 'GRAY8' | 'RGB' | 'BGRx';

/** A picture in memory, rows top to bottom. `stride` is the distance of two rows in bytes (≥ width × bytes a pixel). */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly stride: number;
  readonly format: PixelFormat;
  readonly data: Uint8Array;
}

/** Wall clock in UTC and a monotonic reading taken together; the wall clock alone may jump. */
export interface Timestamp {
  /** ISO 8601, UTC, milliseconds. */
  readonly utc: string;
  /** Milliseconds of the machine's monotonic clock, comparable within one boot only. */
  readonly monotonicMs: number;
}

/** One captured frame. `picture.data` belongs to the capture stage and is valid until the next frame is asked for. */
export interface Frame {
  readonly picture: Picture;
  /** Counts every frame delivered to this station process, from 0. */
  readonly sequence: number;
  /** Presentation time stamp in nanoseconds; null where the source gives none. */
  readonly ptsNs: bigint | null;
  readonly captured: Timestamp;
  /** Frames that the camera delivered and nobody looked at since the last one (latest frame wins). */
  readonly skipped: number;
}

/** An axis-parallel rectangle in frame pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Region extends Box {
  readonly name: string;
}

/**
 * A grid of anomaly scores, row by row. Cell (r, c) stands for the square of `cell` × `cell` region pixels whose
 * top left corner is (c × cell, r × cell), in the coordinates of the model's input (`inputWidth` × `inputHeight`). The last
 * row and column may reach beyond it, or leave up to half a cell of it out.
 */
export interface AnomalyMap {
  readonly rows: number;
  readonly columns: number;
  readonly cell: number;
  readonly inputWidth: number;
  readonly inputHeight: number;
  readonly values: Float32Array;
}

/** Where the values of a map lie. */
export type MapGrid = Omit<AnomalyMap, 'values'>;

export interface Defect {
  /** In frame pixels. */
  readonly box: Box;
  /** In frame pixels². */
  readonly area: number;
  /** Highest score inside. */
  readonly peak: number;
  /** The evidence that contributes most to the scores inside. */
  readonly kind: DefectKind;
  /** The share of each kind of evidence in the scores inside, 0 to 1 and 1 in sum. */
  readonly shares: ByKind;
}

/** Why a part could not be judged. Downstream treats `invalid` as reject. */
export type InvalidReason =
  | 'exposure'
  | 'blur'
  | 'no part'
  | 'overrun'
  | 'camera lost'
  | 'station lost'
  | 'late'
  | 'paused'
  | 'error';

export type Verdict =
  | { readonly result: 'pass' }
  | { readonly result: 'fail' }
  | { readonly result: 'invalid'; readonly reason: InvalidReason; readonly detail?: string };

export interface RegionResult {
  readonly region: Region;
  readonly verdict: Verdict;
  /** Score of the region: the higher the stranger. Comparable only within one model. */
  readonly score: number;
  readonly threshold: number;
  /** Places of the map above it belong to a defect. Map and score have scales of their own. */
  readonly mapThreshold: number;
  /** Share of good parts that would score at least as high, by the held-out good scores; in (0, 1]. */
  readonly pValue: number;
  /** What each kind of evidence contributes to the map at its hottest place; near 0 on good parts. */
  readonly parts: ByKind;
  readonly defects: readonly Defect[];
  readonly map: AnomalyMap;
}

/** Milliseconds spent in each stage. */
export interface StageTimings {
  readonly capture: number;
  readonly crop: number;
  readonly network: number;
  readonly postprocess: number;
  readonly encode: number;
  readonly total: number;
}

/** Identity of one part: unique for a device and never used twice (epoch changes with every start of a station). */
export interface PartId {
  readonly station: string;
  readonly epoch: string;
  readonly sequence: number;
}

/** The answer for one part (one frame or one trigger). */
export interface Inspection {
  readonly part: PartId;
  readonly captured: Timestamp;
  readonly ptsNs: bigint | null;
  readonly frameWidth: number;
  readonly frameHeight: number;
  /** `<id>@<version>` of the model bundle, null when no model was in use. */
  readonly model: string | null;
  /** The execution provider that ran the model. */
  readonly provider: string | null;
  /** Any region `fail` → fail, else any `invalid` → invalid, else pass. */
  readonly verdict: Verdict;
  readonly regions: readonly RegionResult[];
  readonly timings: StageTimings;
  readonly skippedFrames: number;
}

/** An encoded picture that belongs to an inspection: only bytes cross the process border. */
export interface Attachment {
  readonly kind: 'map' | 'frame';
  /** Null for a picture of the whole frame. */
  readonly region: string | null;
  /** Null for a frame. */
  readonly form: MapForm | null;
  readonly mediaType: (typeof MAP_MEDIA_TYPES)[MapForm];
  readonly bytes: Uint8Array;
  /** For maps that can be read back: what is stored as v stands for the value `offset + v × scale`. */
  readonly scale: { readonly offset: number; readonly scale: number } | null;
  /** For the same maps; may be coarser than the model's own. */
  readonly grid: MapGrid | null;
  readonly width: number;
  readonly height: number;
}

/** Why an execution provider was not used, and what would change that. */
export interface ProviderFailure {
  readonly provider: string;
  readonly reason: string;
  readonly fix: string;
}

/** An engine that is built for a model before it can run. */
export interface EngineBuild {
  readonly provider: string;
  readonly precision: string;
  /** `waiting`: another process of this machine builds first. */
  readonly phase: 'waiting' | 'building';
  readonly elapsedS: number;
}

/** What a station runs; nulls while it runs nothing. */
export interface ModelInUse {
  /** `<id>@<version>` of the bundle, also while an engine is built for it. */
  readonly model: string | null;
  readonly provider: string | null;
  readonly precision: string | null;
  /** Providers that were to be tried first, and do not run it. */
  readonly skipped: readonly ProviderFailure[];
  /** Of this model, or, while one runs, of the one that is to take over. */
  readonly building: EngineBuild | null;
  /** The score from which a region fails. */
  readonly threshold: number | null;
  /** The bundle that was to take over last, where it did not. */
  readonly refused: RefusedBundle | null;
  /** The model that looks at parts beside it, or what the last one found since this one runs. */
  readonly shadow: ShadowState | null;
}

/** A bundle that a station was to run, and why it does not. */
export interface RefusedBundle {
  /** `<id>@<version>` */
  readonly model: string;
  readonly code: string;
  readonly reason: string;
  readonly at: Timestamp;
}

/** A bundle that runs, and where it lies. */
export interface RunningBundle {
  readonly folder: string;
  readonly model: string;
  readonly provider: string;
  readonly precision: string;
  readonly skipped: readonly ProviderFailure[];
  /** The score from which a region fails. */
  readonly threshold: number;
}

/** A bundle that does not run, why, and where it lies. */
export interface FailedBundle {
  readonly folder: string;
  readonly code: string;
  readonly reason: string;
}

export type CameraState = 'opening' | 'running' | 'silent' | 'lost' | 'ended';

/** What a station process tells its agent. */
export type StationMessage =
  /** Sent again and again while an engine is built, before `ready`, or `switched`. */
  | { readonly type: 'building'; readonly model: string; readonly build: EngineBuild }
  | ({
      readonly type: 'ready';
      readonly epoch: string;
      /** Bundles that it would rather run, the best first. */
      readonly passedOver: readonly FailedBundle[];
    } & RunningBundle)
  /** The part border is passed: this bundle judges every part from now on. */
  | ({ readonly type: 'switched' } & RunningBundle)
  /** The bundle that was to take over does not; the one before goes on. */
  | ({ readonly type: 'refused' } & FailedBundle)
  /** What a shadow has found so far; null: it was ended before its time. */
  | { readonly type: 'shadow'; readonly report: ShadowReport | null }
  /** The bundle that was to look at parts as well does not load, or does not prove itself. */
  | ({ readonly type: 'shadow-refused' } & FailedBundle)
  | { readonly type: 'camera'; readonly state: CameraState; readonly reason: string | null; readonly at: Timestamp }
  /** The part ledger: sent before any work on the part begins, so that a lost station leaves no part unanswered. */
  | {
      readonly type: 'accepted';
      readonly part: PartId;
      readonly captured: Timestamp;
      /** The order that made it a part; null where every frame is one. */
      readonly trigger: number | null;
    }
  | { readonly type: 'inspection'; readonly inspection: Inspection; readonly attachments: readonly Attachment[] }
  /** Proof of progress: sent when the pull loop returned, or a part or some of it was scored, never by a bare timer. */
  | {
      readonly type: 'progress';
      readonly pulls: number;
      readonly parts: number;
      /** Golden samples that were scored again because no part came. */
      readonly selfTests: number;
      /** Of the network on parts. */
      readonly runs: number;
      readonly rssBytes: number;
      readonly lagMs: number;
    }
  | { readonly type: 'done'; readonly id: number; readonly outcome: OrderOutcome }
  | {
      readonly type: 'fault';
      readonly code: string;
      readonly message: string;
      readonly fatal: boolean;
      /** The part that could not be inspected, where it was one. */
      readonly part?: PartId;
    };

/** When a region fails: a score, or the share of good parts that may be rejected. */
export type ThresholdChoice = { readonly falseRejectRate: number } | { readonly score: number };

/** What a camera may be told while it runs; what is absent stays. */
export interface CameraControls {
  readonly exposureMicroseconds?: number;
  readonly gainDb?: number;
}

/** What a station is asked to do beside its frames. */
export type StationOrder =
  /** The next frame that is taken from now on is a part. Where none comes in time, the order fails. */
  | { readonly kind: 'trigger'; readonly withinMs: number }
  | { readonly kind: 'snapshot'; readonly withinMs: number }
  | { readonly kind: 'threshold'; readonly threshold: ThresholdChoice }
  /** From the scores of the next parts, which are known to be good; nothing is changed yet. */
  | {
      readonly kind: 'calibrate';
      readonly parts: number;
      readonly falseRejectRate: number;
      readonly withinMs: number;
    }
  | { readonly kind: 'camera'; readonly controls: CameraControls }
  | { readonly kind: 'pause'; readonly paused: boolean };

/** A picture of what the camera sees, for whoever asked. */
export interface Snapshot {
  readonly captured: Timestamp;
  readonly picture: Attachment;
}

export interface CalibratedThreshold {
  readonly score: number;
  readonly parts: number;
  readonly regions: number;
  /** The scores are too few for the rate, so their tail was extended. */
  readonly extrapolated: boolean;
}

/** What came of an order; a trigger that succeeds is answered by the part itself. */
export type OrderResult =
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly kind: 'threshold'; readonly score: number }
  | { readonly kind: 'calibrate'; readonly threshold: CalibratedThreshold }
  | { readonly kind: 'camera' }
  | { readonly kind: 'pause' };

export type OrderOutcome =
  | { readonly ok: true; readonly result: OrderResult }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** What an agent tells a station. */
export type AgentMessage =
  | { readonly type: 'stop' }
  | { readonly type: 'order'; readonly id: number; readonly order: StationOrder }
  /** Load the bundle in this folder beside the one in use, and let it take over between two parts. */
  | { readonly type: 'switch'; readonly folder: string }
  /** Have a bundle look at parts beside the one in use, instead of any other that does; null: none. */
  | { readonly type: 'shadow'; readonly task: ShadowTask | null };
