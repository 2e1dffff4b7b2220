import { exportBundle } from '../../src/infer/export-bundle.js';
import type { Manifest } from '../../src/model/manifest.js';
import { TILE_GEOMETRY } from '../../src/train/export-tiles.js';
import { LOCAL_NET } from '../../src/train/networks/local-net.js';
import type { Picture } from '../../src/types.js';
import { FIELD_SCORING, RandomFieldModel } from './field-model.js';

export interface FieldBundleOptions {
  /** What the scores hold for, in frame pixels. */
  readonly width: number;
  readonly height: number;
  readonly scale?: number;
  readonly golden: Picture;
}

/** Writes a bundle of a `field` model that was never trained, but runs as trained ones do. */
export function writeFieldBundle(folder: string, options: FieldBundleOptions): Promise<Manifest> {
  const { width, height, scale = 1, golden } = options;
  return exportBundle(folder, {
    ...new RandomFieldModel(1).files(),
    id: 'surface',
    version: '1.0.0',
    geometry: 'field',
    region: { width: Math.round(width / scale), height: Math.round(height / scale) },
    stride: LOCAL_NET.stride,
    field: { ...TILE_GEOMETRY, scale },
    scoring: FIELD_SCORING,
    calibration: { scores: [0, 1, 2, 3], mapThreshold: 3 },
    trainedOn: { images: 0, source: 'not trained', seed: 1, steps: 0, seconds: 0 },
    locate: null,
    golden: [golden],
  });
}
