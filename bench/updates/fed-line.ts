import { execFileSync, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { renderPart } from '../../src/capture/simulated/render.js';
import type { Picture } from '../../src/types.js';

/** Edge of the frames in pixels. */
export const FRAME_SIDE = 512;

/** The part `index` of a line, good or with a defect. */
export function linePart(index: number, isDefective: boolean): Picture {
  const defect = isDefective ? ('random' as const) : null;
  const size = { width: FRAME_SIDE, height: FRAME_SIDE };
  return renderPart({ seed: 3, index, ...size, format: 'RGB', placement: 'aligned', defect }).picture;
}

/** A line whose camera is a pipe: what lies under it, and when, is for its user to say. */
export class FedLine {
  /** For a station's `camera`. */
  readonly camera: { readonly type: 'pipeline'; readonly pipeline: string };
  readonly #path: string;
  readonly #parts: () => Picture;
  readonly #everyMs: number;
  #pipe: FileHandle | null = null;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<unknown> = Promise.resolve();

  /** @param parts the next one that comes by */
  constructor(folder: string, partsPerSecond: number, parts: () => Picture) {
    this.#path = join(folder, 'line.rgb');
    this.#parts = parts;
    this.#everyMs = 1000 / partsPerSecond;
    const format = `width=${FRAME_SIDE} height=${FRAME_SIDE} format=rgb framerate=${partsPerSecond}/1`;
    this.camera = { type: 'pipeline', pipeline: `filesrc location=${this.#path} ! rawvideoparse ${format}` };
  }

  async start(): Promise<void> {
    execFileSync('mkfifo', [this.#path]);
    // For reading, too: the pipe does not end when a station does.
    this.#pipe = await open(this.#path, constants.O_RDWR);
    this.#timer = setInterval(() => this.#next(), this.#everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    // What nobody takes any more would hold up the one that writes it.
    const drain = spawn('cat', [this.#path], { stdio: 'ignore' });
    await this.#writing;
    drain.kill();
    await this.#pipe?.close();
  }

  #next(): void {
    const pipe = this.#pipe as FileHandle;
    this.#writing = this.#writing.then(() => pipe.write(this.#parts().data)).catch(() => undefined);
  }
}
