import type { Picture } from '../types.js';

/**
 * Pictures made by this process rather than by a camera (the simulated line). They enter a real GStreamer pipeline
 * through its `appsrc`, and leave it as any camera's frames do.
 */
export interface FrameSource {
  /** The next part's picture, all of one size and format; null when the line has come to its end. */
  next(): Promise<Picture | null>;
}
