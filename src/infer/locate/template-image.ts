import { SideglanceError } from '../../errors.js';
import { decodeImage } from '../../image/decode.js';
import { pngOf } from '../../image/save.js';
import { type Relief, reliefSize } from './relief.js';

/** A template is stored in grey levels: 0 of the relief in the middle, so many levels to 1. */
const MIDDLE = 128;
const LEVELS = 40;

/** The template as a grey PNG: edges bright, what lies between them dark. */
export function templatePng({ width, height, values }: Relief): Promise<Uint8Array> {
  const data = Uint8Array.from(values, levelOf);
  return pngOf({ width, height, stride: width, format: 'GRAY8', data });
}

/** The template as it will be once it has been stored. */
export function storedTemplate({ width, height, values }: Relief): Relief {
  return { width, height, values: values.map((value) => reliefOf(levelOf(value))) };
}

/**
 * @param region the model's input
 * @param where the file, for messages
 * @throws SideglanceError `SG_IMAGE_UNREADABLE`; `SG_MODEL_INVALID` when its size is not the one that goes with the region
 */
export async function readTemplate(
  bytes: Uint8Array,
  region: { readonly width: number; readonly height: number },
  where: string,
): Promise<Relief> {
  const { width, height, data } = await decodeImage(bytes, where);
  const wanted = reliefSize(region);
  if (width !== wanted.width || height !== wanted.height) {
    throw new SideglanceError(
      'SG_MODEL_INVALID',
      `the template ${where} has ${width}×${height} pixels, but the model's input of ${region.width}×${region.height} takes one of ${wanted.width}×${wanted.height}. Export the model again`,
    );
  }
  return { width, height, values: Float32Array.from({ length: width * height }, (_, i) => reliefOf(data[3 * i]!)) };
}

function levelOf(value: number): number {
  return Math.min(255, Math.max(0, Math.round(MIDDLE + LEVELS * value)));
}

function reliefOf(level: number): number {
  return (level - MIDDLE) / LEVELS;
}
