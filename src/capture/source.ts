import type { CameraControls, Picture } from '../types.js';
import type { Sleeper } from './clock.js';

/**
 * Pictures made by this process rather than by a camera (the simulated line). They enter a real GStreamer pipeline
 * through its `appsrc`, and leave it as any camera's frames do.
 */
export interface FrameSource {
  /** The next part's picture, all of one size and format; null when the line has come to its end. */
  next(): Promise<Picture | null>;
}

/** Pipelines that are run one after the other, each to its end: one for every file of a folder. */
export interface PipelineSeries {
  /**
   * The next pipeline's text (ending before the sink) and what people call it; null when there is none left.
   * Where it has to wait, for a rate or for a file, it waits with `sleeper`, which the camera's end cuts short.
   */
  next(sleeper: Sleeper): Promise<{ readonly text: string; readonly label: string } | null>;
}

/** A camera whose frames this process fetches itself, where no element of GStreamer does. */
export interface Device {
  /** @throws Error where it is not there or does not take its settings; SideglanceError SG_NATIVE_LIBRARY without its library */
  open(): Promise<OpenDevice>;
}

export interface OpenDevice {
  /** What its frames go through, from the `appsrc` of {@link Pump} on, ending before the sink. */
  readonly text: string;
  /** The frame's layout in {@link Shot}, as the caps in the text have it but for the padding of rows. */
  readonly rowBytes: number;
  readonly rows: number;
  /**
   * The next frame, or null when none came in time.
   * @throws Error when the camera does not answer any more
   */
  next(timeoutMs: number): Promise<Shot | null>;
  /** Takes a picture now. @throws SideglanceError SG_CAMERA_LOST where it cannot */
  fire(): Promise<void>;
  /** @throws SideglanceError SG_COMMAND_FAILED where the camera does not take a value */
  control(controls: CameraControls): Promise<void>;
  /** Never rejects; waits for commands under way. To be called when no `next` is under way, and nothing is to be released any more. */
  close(): Promise<void>;
}

/** What a camera has sent. */
export interface Shot {
  /** The pixels, valid until `release`; null for a frame that did not come whole. */
  readonly pixels: Uint8Array | null;
  /** Milliseconds since it was taken. */
  readonly ageMs: number;
  /** How many frames the camera sent since the one before, of which nothing came. */
  readonly missed: number;
  release(): void;
}
