// A critical warning of GLib means that we called something wrongly: in tests it ends the process.
process.env.G_DEBUG = 'fatal-criticals';

import { readdirSync } from 'node:fs';
import type { Camera, CameraEvent, CameraLimits, CameraOptions } from '../../src/capture/camera.js';
import type { CameraState, Frame } from '../../src/types.js';

/** What cameras in tests are given: short waits, so that a test of silence takes less than a second. */
export const QUICK: Partial<CameraLimits> = {
  silentAfterMs: 300,
  stallAfterMs: 900,
  backoffMinMs: 50,
  backoffMaxMs: 200,
};

export interface Watched {
  readonly camera: Camera;
  readonly events: CameraEvent[];
  readonly warnings: string[];
  /** The next `count` frames, each with a copy of its pixels. Fails when they do not come in time. */
  frames(count: number, withinMs?: number): Promise<Frame[]>;
  /** Goes on pulling until the camera publishes the state. Fails when it does not in time. */
  until(state: CameraState, withinMs?: number): Promise<CameraEvent>;
}

/** A camera whose events are kept. */
export async function watch(options: Omit<CameraOptions, 'onEvent'>): Promise<Watched> {
  // Loaded late, so that GLib sees G_DEBUG.
  const { Camera } = await import('../../src/capture/camera.js');
  const events: CameraEvent[] = [];
  const warnings: string[] = [];
  const camera = new Camera({
    limits: QUICK,
    ...options,
    onEvent: (event) => events.push(event),
    onWarning: (text) => warnings.push(text),
  });
  const told = () => events.map((event) => `${event.state} (${event.reason})`).join(', ');
  return {
    camera,
    events,
    warnings,
    async frames(count, withinMs = 10_000) {
      const frames: Frame[] = [];
      for (const end = performance.now() + withinMs; frames.length < count; ) {
        if (performance.now() > end) throw new Error(`${frames.length} of ${count} frames came; events: ${told()}`);
        const frame = await camera.next();
        if (frame) frames.push({ ...frame, picture: { ...frame.picture, data: frame.picture.data.slice() } });
      }
      return frames;
    },
    async until(state, withinMs = 10_000) {
      const from = events.length;
      for (const end = performance.now() + withinMs; ; ) {
        const event = events.slice(from).find((candidate) => candidate.state === state);
        if (event) return event;
        if (performance.now() > end) throw new Error(`the camera is not ${state} in time; events: ${told()}`);
        await camera.next();
      }
    },
  };
}

/** The number of files, sockets and pipes that this process holds open. */
export function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}

/** The number of threads of this process. */
export function threads(): number {
  return readdirSync('/proc/self/task').length;
}
