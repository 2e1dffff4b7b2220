import { pngOf } from '../image/save.js';
import {
  BUNDLE_FORMAT,
  BUNDLE_FORMAT_SINCE,
  CONTEXT_FILE,
  type GoldenSample,
  type Manifest,
  TEMPLATE_FILE,
} from '../model/manifest.js';
import { writeBundle } from '../model/write.js';
import type { Picture } from '../types.js';
import type { ModelFiles } from './contract.js';
import { createScorer } from './create-scorer.js';
import { goldenTolerance, measureGolden } from './golden.js';
import type { LocateSettings } from './locate/locator.js';
import { templatePng } from './locate/template-image.js';

/** What a trained model is, before it is a bundle. */
export interface TrainedModel
  extends Pick<Manifest, 'id' | 'version' | 'geometry' | 'region' | 'stride' | 'scoring' | 'calibration' | 'trainedOn'>,
    Partial<Pick<Manifest, 'field' | 'expires' | 'minimumAgent' | 'created'>>,
    ModelFiles {
  /** How to find the part, where it may lie anywhere. */
  readonly locate: LocateSettings | null;
  /**
   * Pictures as a camera sees them, of exactly the region's size where the model knows one: some good, best also one with a
   * defect. At least one.
   */
  readonly golden: readonly Picture[];
}

/**
 * Writes a model bundle, recording its golden samples through the very path that later reproduces them. Never leaves
 * half a bundle; a bundle that stands in `folder` already is replaced as a whole.
 *
 * @throws SideglanceError as `createScorer` and `writeBundle`
 */
export async function exportBundle(
  folder: string,
  trained: TrainedModel,
  options: { readonly library?: string } = {},
): Promise<Manifest> {
  const { model, context, golden: pictures, locate, ...facts } = trained;
  const files = new Map<string, Uint8Array>();
  const golden: GoldenSample[] = [];
  const { region, stride, scoring, field } = trained;
  const scorer = await createScorer(trained, {
    region,
    stride,
    scoring,
    locate,
    ...(field && { field }),
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
  if (context) files.set(CONTEXT_FILE, context);
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
