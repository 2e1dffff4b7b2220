import type { CameraState, PixelFormat, Timestamp } from '../types.js';
import type { Device, FrameSource, PipelineSeries } from './source.js';

export interface CameraEvent {
  readonly state: CameraState;
  readonly reason: string | null;
  readonly at: Timestamp;
}

/** Every wait of a camera. `Infinity` switches `silentAfterMs` and `stallAfterMs` off, for lines that stand still. */
export interface CameraLimits {
  /** Longest wait for one frame; `next` returns at least this often. */
  readonly pullMs: number;
  /** Longest time that a driver may take to open the camera, before the process has to be restarted. */
  readonly openMs: number;
  /** Without a frame for this long, the camera is `silent`. */
  readonly silentAfterMs: number;
  /** Without a frame for this long, the camera is reopened. */
  readonly stallAfterMs: number;
  /** Longest time that a driver may take to let go of a camera (a dead GigE camera takes 11 s). */
  readonly stopMs: number;
  /** Bounds of the wait before the camera is opened again. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** A camera that delivered for this long is taken to be well: the back-off starts anew. */
  readonly stableAfterMs: number;
}

export const CAMERA_LIMITS: CameraLimits = {
  pullMs: 200,
  openMs: 30_000,
  silentAfterMs: 2_000,
  stallAfterMs: 10_000,
  stopMs: 30_000,
  backoffMinMs: 500,
  backoffMaxMs: 4_000,
  stableAfterMs: 5_000,
};

export interface CameraOptions {
  /** Pipeline text ending before the sink, a series of them (a folder of image files), or a device that brings its own. */
  readonly pipeline: string | PipelineSeries | Device;
  /** What the pictures are converted to, where they are not so already. */
  readonly format: PixelFormat;
  /** Every frame is a part: the source waits for us instead of frames being skipped. Default: false. */
  readonly lossless?: boolean;
  /** How many frames may wait for us otherwise; of more, the oldest is skipped. Default: 1, the newest. */
  readonly queue?: number;
  /** What the end of the stream means; a series ends by itself. Default: `stop` with a `source`, else `reopen`. */
  readonly whenEnded?: 'stop' | 'reopen';
  /** Feeds the pipeline's `appsrc name=simulated`, at `partsPerSecond` (default 1). */
  readonly source?: FrameSource;
  readonly partsPerSecond?: number;
  readonly limits?: Partial<CameraLimits>;
  readonly onEvent: (event: CameraEvent) => void;
  /** Warnings of the pipeline's elements, one line each. */
  readonly onWarning?: (text: string) => void;
}
