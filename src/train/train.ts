import { basename, resolve } from 'node:path';
import { writeContactSheet } from '../encode/contact-sheet.js';
import { decodeImage } from '../image/decode.js';
import { resampleToRgb } from '../image/resample.js';
import { exportBundle } from '../infer/export-bundle.js';
import { regionGrid } from '../infer/locate/place-map.js';
import type { Manifest } from '../model/manifest.js';
import { checkTarget } from '../model/write.js';
import type { Picture } from '../types.js';
import type { GoodImages } from './good-images.js';
import { type TrainedModel, type TrainModelOptions, trainModel } from './model.js';
import { LOCAL_NET } from './networks/local-net.js';
import { pictureOf } from './raster.js';

export interface TrainOptions extends TrainModelOptions {
  /** Folder of the bundle to write. */
  readonly out: string;
  /** Name of the model; the folder's name when left out. */
  readonly id?: string;
  readonly version?: string;
}

/**
 * Trains a model from good images and writes it as a bundle. When `signal` aborts, training ends early and the model as
 * it is then is measured and written; nothing is written before that. Where images look as if they did not belong, a contact
 * sheet of them is written beside the bundle.
 *
 * @throws SideglanceError `SG_DATASET_INVALID`, `SG_TOO_FEW_IMAGES`, `SG_IMAGE_UNREADABLE` for the images,
 * `SG_STORAGE` for the target, before any work begins; `SG_TRAINING_DIVERGED`
 */
export async function train(options: TrainOptions): Promise<Manifest> {
  await checkTarget(resolve(options.out));
  const strange: string[] = [];
  const trained = await trainModel({
    ...options,
    onEvent: (event) => {
      if (event.type === 'warning') strange.push(...event.files);
      options.onEvent?.(event);
    },
  });
  const manifest = await writeTrained(options, trained).finally(() => trained.good.close());
  if (strange.length > 0) {
    const sheet = `${resolve(options.out)}-look-at-these.png`;
    await writeContactSheet(sheet, [...new Set(strange)]);
    options.onEvent?.({ type: 'phase', text: `the images that were warned of: ${sheet}` });
  }
  return manifest;
}

/**
 * Writes a trained model as a bundle.
 *
 * @throws SideglanceError as `exportBundle`
 */
export async function writeTrained(
  options: Pick<TrainOptions, 'images' | 'out' | 'seed' | 'id' | 'version'>,
  trained: TrainedModel,
): Promise<Manifest> {
  const { width, height, good, field } = trained;
  return exportBundle(options.out, {
    ...trained.files,
    id: options.id ?? bundleId(options.out),
    version: options.version ?? '1.0.0',
    geometry: field ? 'field' : 'aligned',
    region: { width, height },
    ...(field && { field }),
    stride: LOCAL_NET.stride,
    scoring: trained.scoring,
    calibration: { ...trained.calibration },
    trainedOn: {
      images: trained.images,
      source: basename(resolve(options.images)),
      seed: options.seed,
      steps: trained.steps,
      seconds: Math.round(trained.seconds),
      teacher: 'Open Images detector backbone (MobileNetV2)',
    },
    golden: await (field ? goldenSurfaces(good, field.scale) : goldenPictures(good)),
    locate: good.locate,
  });
}

const GOLDEN_SAMPLES = 3;

/** Held-out images as a camera sees them, without needless pixels: a model that finds its part has to find it in these too. */
async function goldenPictures({ width, height, heldOut, locate }: GoodImages): Promise<Picture[]> {
  const images = heldOut.slice(0, GOLDEN_SAMPLES);
  if (!locate) return images.map(pictureOf);
  const input = { cell: LOCAL_NET.stride, inputWidth: width, inputHeight: height };
  const { inputWidth, inputHeight } = regionGrid(input, locate);
  const size = { width: inputWidth, height: inputHeight };
  return Promise.all(
    images.map(async ({ file }) => {
      const picture = await decodeImage(file);
      const data = new Uint8Array(size.width * size.height * 3);
      resampleToRgb(picture, { x: 0, y: 0, width: picture.width, height: picture.height }, { ...size, data });
      return pictureOf({ ...size, data });
    }),
  );
}

/** Longest side of a golden picture of a surface, in pixels of the model: more than one tile. */
const GOLDEN_SIDE = 640;

/** The upper left corners of held-out images. */
async function goldenSurfaces({ heldOut }: GoodImages, scale: number): Promise<Picture[]> {
  const files = [...new Set(heldOut.map(({ file }) => file))].slice(0, GOLDEN_SAMPLES);
  const most = Math.round(GOLDEN_SIDE * scale);
  return Promise.all(
    files.map(async (file) => {
      const picture = await decodeImage(file);
      const size = { width: Math.min(most, picture.width), height: Math.min(most, picture.height) };
      const data = new Uint8Array(size.width * size.height * 3);
      resampleToRgb(picture, { x: 0, y: 0, ...size }, { ...size, data });
      return pictureOf({ ...size, data });
    }),
  );
}

/** The folder's name, with what an id may not hold replaced. */
function bundleId(folder: string): string {
  const name = basename(resolve(folder))
    .replace(/[^A-Za-z0-9_.-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '');
  return name.slice(0, 64) || 'model';
}
