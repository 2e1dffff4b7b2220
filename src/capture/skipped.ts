import type { Pulled } from './gstreamer/pipeline.js';

/**
 * Counts the frames that the camera delivered and nobody looked at. Exact where the source numbers its frames
 * (v4l2src, videotestsrc, the simulated line); otherwise from the time stamps, where a frame's duration is the
 * distance to the one before it (aravissrc), or the nominal period of a stream; 0 where neither is known.
 */
export class SkippedFrames {
  #last: Pick<Pulled, 'index' | 'ptsNs'> | undefined;

  /** The number of frames between the last one and this one. */
  before(frame: Pick<Pulled, 'index' | 'ptsNs' | 'durationNs'>): number {
    const last = this.#last;
    this.#last = { index: frame.index, ptsNs: frame.ptsNs };
    if (last === undefined) return 0;
    if (frame.index !== null && last.index !== null) return Math.max(0, Number(frame.index - last.index) - 1);
    if (frame.ptsNs === null || last.ptsNs === null || frame.durationNs === null) return 0;
    const periods = Number(frame.ptsNs - last.ptsNs) / Number(frame.durationNs);
    return Math.max(0, Math.round(periods) - 1);
  }

  /** To be called when a new stream begins: its numbers and times have nothing to do with the last one's. */
  restart(): void {
    this.#last = undefined;
  }
}
