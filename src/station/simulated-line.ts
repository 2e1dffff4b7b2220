import { Worker } from 'node:worker_threads';
import type { FrameSource } from '../capture/source.js';
import type { CameraConfig } from '../config/schema.js';
import type { Picture } from '../types.js';

export type SimulatedCamera = Extract<CameraConfig, { type: 'simulated' }>;

/**
 * The line that a camera of `type: simulated` looks at, without an end; null for any other camera. Parts are rendered on a
 * thread of their own, one ahead, so that the station spends its time as it does with a camera.
 */
export function simulatedLineFor(camera: CameraConfig): FrameSource | null {
  return camera.type === 'simulated' ? new SimulatedLine(camera) : null;
}

class SimulatedLine implements FrameSource {
  readonly #worker: Worker;
  #upcoming: Promise<Picture>;

  constructor(camera: SimulatedCamera) {
    this.#worker = new Worker(new URL('./simulated-worker.js', import.meta.url), { workerData: camera });
    this.#worker.unref();
    this.#upcoming = this.#render();
  }

  async next(): Promise<Picture> {
    const picture = await this.#upcoming;
    this.#upcoming = this.#render();
    return picture;
  }

  #render(): Promise<Picture> {
    const rendered = new Promise<Picture>((done, failed) => {
      const received = (picture: Picture): void => {
        this.#worker.off('error', lost);
        done(picture);
      };
      const lost = (error: Error): void => {
        this.#worker.off('message', received);
        failed(error);
      };
      this.#worker.once('message', received);
      this.#worker.once('error', lost);
    });
    // It is awaited by the next call, which may come later than the failure.
    rendered.catch(() => {});
    this.#worker.postMessage('next');
    return rendered;
  }
}
