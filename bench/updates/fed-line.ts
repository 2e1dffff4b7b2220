import { execFileSync, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderPart } from '../../src/capture/simulated/render.js';
import type { Picture } from '../../src/types.js';

/** Edge of the frames in pixels. */
export const FRAME_SIDE = 512;
const RECORDED_PARTS = 20;

/** The part `index` of a line, good or with a defect. */
export function linePart(index: number, isDefective: boolean): Picture {
  const defect = isDefective ? ('random' as const) : null;
  const size = { width: FRAME_SIDE, height: FRAME_SIDE };
  return renderPart({ seed: 3, index, ...size, format: 'RGB', placement: 'aligned', defect }).picture;
}

/**
 * Writes the pictures of a line, and gives the camera that goes round them at a fixed rate, whoever looks, as one that each part
 * triggers: what renders pictures would take the processor from the device.
 */
export async function recordedLine(folder: string, partsPerSecond: number) {
  await mkdir(folder, { recursive: true });
  for (let index = 0; index < RECORDED_PARTS; index++) {
    await writeFile(join(folder, `${index}.rgb`), linePart(index, index % 5 === 4).data);
  }
  const source = `multifilesrc location=${folder}/%d.rgb loop=true stop-index=${RECORDED_PARTS - 1}`;
  const pipeline = `${source} ! ${parseFrames(partsPerSecond)} ! identity sync=true`;
  return { type: 'pipeline' as const, pipeline, queue: 16 };
}

function parseFrames(partsPerSecond: number): string {
  return `rawvideoparse width=${FRAME_SIDE} height=${FRAME_SIDE} format=rgb framerate=${partsPerSecond}/1`;
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
    this.camera = { type: 'pipeline', pipeline: `filesrc location=${this.#path} ! ${parseFrames(partsPerSecond)}` };
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
