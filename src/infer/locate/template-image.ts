import { SideglanceError } from '../../errors.js';
import { decodeImage } from '../../image/decode.js';
import { pngOf } from '../../image/save.js';
import { RELIEF, type Relief } from './relief.js';

/** A template is stored in grey levels: 0 of the relief in the middle, so many levels to 1. */
const MIDDLE = 128;
const LEVELS = 40;

/** Sides of the window as shares of the template's: smaller ones would make maps of regions large beyond use. */
export const WINDOW = { leastShare: 0.15, largestShare: 1.5 } as const;

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
 * @param window the part of it that the model looks at
 * @param where the file, for messages
 * @throws SideglanceError `SG_IMAGE_UNREADABLE`; `SG_MODEL_INVALID` when it is larger than a template may be, or the window
 * does not go with it
 */
export async function readTemplate(
  bytes: Uint8Array,
  window: { readonly width: number; readonly height: number },
  where: string,
): Promise<Relief> {
  const { width, height, data } = await decodeImage(bytes, where);
  const size = `the template ${where} has ${width}×${height} pixels`;
  if (Math.max(width, height) > RELIEF.longestSide.everywhere) {
    throw new SideglanceError(
      'SG_MODEL_INVALID',
      `${size}, at most ${RELIEF.longestSide.everywhere} a side are allowed. Export the model again`,
    );
  }
  const share = Math.min(window.width / width, window.height / height);
  if (share < WINDOW.leastShare || Math.max(window.width / width, window.height / height) > WINDOW.largestShare) {
    throw new SideglanceError(
      'SG_MODEL_INVALID',
      `${size}, which does not go with the model's window of ${window.width}×${window.height}: its sides are between ${WINDOW.leastShare} and ${WINDOW.largestShare} of the template's. Export the model again`,
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
