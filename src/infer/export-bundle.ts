import { pngOf } from '../image/save.js';
import {
  BUNDLE_FORMAT,
  BUNDLE_FORMAT_SINCE,
  type GoldenSample,
  type Manifest,
  TEMPLATE_FILE,
} from '../model/manifest.js';
import { writeBundle } from '../model/write.js';
import type { Picture } from '../types.js';
import { goldenTolerance, measureGolden } from './golden.js';
import type { LocateSettings } from './locate/locator.js';
import { templatePng } from './locate/template-image.js';
import { Scorer } from './scorer.js';

/** What a trained model is, before it is a bundle. */
export interface TrainedModel
  extends Pick<Manifest, 'id' | 'version' | 'geometry' | 'region' | 'stride' | 'scoring' | 'calibration' | 'trainedOn'>,
    Partial<Pick<Manifest, 'expires' | 'minimumAgent' | 'created'>> {
  /** The bytes of an ONNX file that keeps the contract of `contract.ts`. */
  readonly model: Uint8Array;
  /** How to find the part, where it may lie anywhere. */
  readonly locate: LocateSettings | null;
  /** Pictures of exactly the region's size, as a camera sees it: some good, best also one with a defect. At least one. */
  readonly golden: readonly Picture[];
}

/**
 * Writes a model bundle, recording its golden samples through the very path that later reproduces them. Never leaves
 * half a bundle; a bundle that stands in `folder` already is replaced as a whole.
 *
 * @throws SideglanceError as `Scorer.create` and `writeBundle`
 */
export async function exportBundle(
  folder: string,
  trained: TrainedModel,
  options: { readonly library?: string } = {},
): Promise<Manifest> {
  const { model, golden: pictures, locate, ...facts } = trained;
  const files = new Map<string, Uint8Array>();
  const golden: GoldenSample[] = [];
  const scorer = await Scorer.create(model, {
    ...trained.region,
    stride: trained.stride,
    scoring: trained.scoring,
    locate,
    name: 'the trained model',
    ...options,
  });
  try {
    for (const [index, picture] of pictures.entries()) {
      const image = `golden/${index}.png`;
      const figures = await measureGolden(scorer, picture, image);
      files.set(image, await pngOf(picture));
      golden.push({ image, ...figures, tolerance: goldenTolerance(figures) });
    }
  } finally {
    await scorer.close();
  }
  if (locate) files.set(TEMPLATE_FILE, await templatePng(locate.template));
  const manifest = {
    format: BUNDLE_FORMAT,
    created: new Date().toISOString(),
    minimumAgent: BUNDLE_FORMAT_SINCE,
    ...facts,
    ...(locate && { locate: { ...locate, template: TEMPLATE_FILE } }),
    golden,
  } as const;
  return writeBundle(folder, { manifest, model, files });
}
