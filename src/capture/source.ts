import type { Picture } from '../types.js';
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
