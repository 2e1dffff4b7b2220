import { OUTPUT_NAMES } from '../../src/infer/contract.js';
import { exportBundle } from '../../src/infer/export-bundle.js';
import type { LocateSettings } from '../../src/infer/locate/locator.js';
import { regionGrid } from '../../src/infer/locate/place-map.js';
import { encodeModel } from '../../src/onnx/codec.js';
import { floatTensor, int64Tensor, model, node, value } from '../../src/onnx/model.js';
import type { Picture } from '../../src/types.js';
import { hottestCells } from './scoring.js';

export interface BrightnessBundle {
  /** Edge of the square input in pixels, a multiple of 8. */
  readonly size?: number;
  /** Convolutions of 3×3 that change nothing but cost time. */
  readonly ballast?: number;
  /** How to find the part; it is not looked for when left out. */
  readonly locate?: LocateSettings;
  /** What brightness is multiplied by; 1 when left out. */
  readonly gain?: number;
  /** 1.0.0 when left out. */
  readonly version?: string;
}

const STRIDE = 8;

/**
 * Writes a bundle whose anomaly map is the mean brightness (0 to 1) of each cell of 8×8 pixels, half of it by position: a model whose
 * answers a test can foretell, run by the very code that runs trained ones.
 */
export async function writeBrightnessBundle(folder: string, options: BrightnessBundle = {}): Promise<void> {
  const { size = 64, ballast = 0, locate = null, version = '1.0.0', gain = 1 } = options;
  const cells = size / STRIDE;
  const input = { cell: STRIDE, inputWidth: size, inputHeight: size };
  const seen = locate ? regionGrid(input, locate).inputWidth : size;
  await exportBundle(folder, {
    id: 'brightness',
    version,
    geometry: 'aligned',
    region: { width: size, height: size },
    stride: STRIDE,
    scoring: hottestCells(1),
    calibration: { scores: [0, 0.01, 0.02, 0.03], mapThreshold: 0.5 },
    trainedOn: { images: 0, source: 'made for tests', seed: 0, steps: 0, seconds: 0 },
    model: graph({ size, cells, ballast, gain }),
    locate,
    golden: [flat(seen, 0), flat(seen, 255)],
  });
}

function graph({ size, cells, ballast, gain }: Record<'size' | 'cells' | 'ballast' | 'gain', number>): Uint8Array {
  const mean = new Float32Array(3 * STRIDE * STRIDE).fill(gain / (3 * STRIDE * STRIDE * 255));
  const identity = new Float32Array(3 * 3 * 9);
  for (let channel = 0; channel < 3; channel++) identity[(channel * 3 + channel) * 9 + 4] = 1;
  const pads = { pads: [1, 1, 1, 1] };
  const names = ['picture', ...Array.from({ length: ballast }, (_, i) => `picture${i}`)];
  const shape = ['N', cells, cells];
  return encodeModel(
    model({
      name: 'brightness',
      nodes: [
        node('Cast', ['region'], ['bytes'], { to: 1 }),
        node('Transpose', ['bytes'], ['picture'], { perm: [0, 3, 1, 2] }),
        ...names.slice(1).map((name, i) => node('Conv', [names[i]!, 'identity'], [name], pads)),
        node('Conv', [names[ballast]!, 'mean'], ['means'], { strides: [STRIDE, STRIDE] }),
        node('Reshape', ['means', 'map'], ['score']),
        node('Mul', ['score', 'half'], ['position']),
        node('Mul', ['score', 'quarter'], ['context']),
        node('Mul', ['score', 'quarter'], ['distortion']),
      ],
      inputs: [value('region', 'uint8', ['N', size, size, 3])],
      outputs: OUTPUT_NAMES.map((name) => value(name, 'float32', shape)),
      initializers: [
        floatTensor('mean', [1, 3, STRIDE, STRIDE], mean),
        floatTensor('identity', [3, 3, 3, 3], identity),
        floatTensor('half', [], [0.5]),
        floatTensor('quarter', [], [0.25]),
        int64Tensor('map', [3], [-1, cells, cells]),
      ],
    }),
  );
}

function flat(size: number, grey: number): Picture {
  const data = new Uint8Array(size * size * 3).fill(grey);
  return { width: size, height: size, stride: size * 3, format: 'RGB', data };
}
