import { SideglanceError } from '../errors.js';
import type { Provider } from './ort/session.js';

/** What is in flight when a run takes one region, or one tile of a region, at a time. */
export interface InFlight {
  /** Pixels that Local-Net works on. */
  readonly pixels: number;
  /** Cells that are judged by a graph of their own. */
  readonly cells: number;
  /** Bytes of the model files. */
  readonly modelBytes: number;
}

export const MEMORY = {
  /**
   * Bytes that a run holds at its peak for each pixel and for each cell of a graph of its own, measured on the CPU
   * (docs/decisions.md, "Large frames"). On a GPU it is an estimate, and its libraries take some hundred megabytes more.
   */
  bytesPerPixel: 1700,
  bytesPerCell: 6500,
  /** A model's weights are in memory as they are in the file, and again as the runtime has arranged them. */
  copiesOfWeights: 2,
} as const;

/** A batch of more gains nothing that is worth its memory. */
const MOST = 8;

/** Megabytes that a model holds while it runs on so many regions or tiles at a time. */
export function megabytesOf({ pixels, cells, modelBytes }: InFlight, batch: number): number {
  const each = pixels * MEMORY.bytesPerPixel + cells * MEMORY.bytesPerCell;
  return Math.ceil((batch * each + MEMORY.copiesOfWeights * modelBytes) / 2 ** 20);
}

export interface BatchOptions {
  readonly provider: Provider;
  /** How many regions or tiles there are at a time. */
  readonly wanted: number;
  readonly inFlight: InFlight;
  /** Of a GPU, in megabytes; no limit when left out. */
  readonly gpuMemoryMb?: number;
  /** The model, for messages. */
  readonly name: string;
}

/**
 * How many regions or tiles a run takes: one on the CPU, where a batch gains nothing (docs/decisions.md, "Large frames"); on a
 * GPU as many as there are, and as its memory allows.
 *
 * @throws SideglanceError `SG_GPU_MEMORY` where one is too much
 */
export function batchSize({ provider, wanted, inFlight, gpuMemoryMb, name }: BatchOptions): number {
  if (provider === 'cpu') return 1;
  let batch = Math.max(1, Math.min(MOST, wanted));
  if (gpuMemoryMb === undefined) return batch;
  while (batch > 1 && megabytesOf(inFlight, batch) > gpuMemoryMb) batch--;
  const needed = megabytesOf(inFlight, batch);
  if (needed <= gpuMemoryMb) return batch;
  throw new SideglanceError(
    'SG_GPU_MEMORY',
    `${name} needs about ${needed} MB of GPU memory on ${provider}, but infer.gpuMemoryMb allows a station ${gpuMemoryMb}. ` +
      'Fix: allow more, train the model for a smaller --size, or run it on the CPU',
  );
}
