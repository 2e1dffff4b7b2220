import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeModel } from '../onnx/codec.js';
import { floatsOf } from '../onnx/model.js';
import { PACKAGE_ROOT } from '../paths.js';
import { Graph } from './graph.js';
import { FrozenParameters, type Weights } from './networks/parameters.js';
import { STUDENT_NET, studentNet } from './networks/student-net.js';
import { pixelsFromBytes } from './preprocess.js';

/** The Local-Net that ships, distilled on many kinds of images: see models/README.md. */
export const BASE_LOCAL_NET = join(PACKAGE_ROOT, 'models/local-net.onnx');

/** The named weights of an ONNX file that `localNetModel` (or an export) wrote. */
export async function readWeights(file: string): Promise<Weights> {
  const { graph } = decodeModel(await readFile(file), file);
  const named = graph.initializers.filter((tensor) => /\.(weight|bias)$/.test(tensor.name));
  return new Map(named.map((tensor) => [tensor.name, { shape: tensor.shape, data: floatsOf(tensor) }]));
}

/** Local-Net alone, as a model file: uint8 [N, H, W, 3] → `local` [N, 64, H/8, W/8], for one image size. */
export function localNetModel(
  weights: Weights,
  height: number,
  width: number,
  metadata: Record<string, string> = {},
): Uint8Array {
  const g = new Graph();
  const images = g.input('images', [1, height, width, 3], 'uint8', ['N', height, width, 3]);
  const local = studentNet(g, pixelsFromBytes(g, images), new FrozenParameters(weights));
  g.output('local', local, ['N', STUDENT_NET.features, height / STUDENT_NET.stride, width / STUDENT_NET.stride]);
  return g.toModel('Local-Net', metadata);
}
