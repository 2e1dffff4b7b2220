/** Renders the parts of a simulated line, one for each message. */
import { parentPort, workerData } from 'node:worker_threads';
import { Random } from '../capture/simulated/random.js';
import { renderPart } from '../capture/simulated/render.js';
import type { Picture } from '../types.js';
import type { SimulatedCamera } from './simulated-line.js';

/** Decides which parts have a defect; none of the streams that the parts themselves draw from. */
const DEFECTIVE_STREAM = 100;

const camera = workerData as SimulatedCamera;
const { width, height, placement, seed, defectShare } = camera;
let index = 0;

parentPort?.on('message', () => {
  const isDefective = new Random(seed, index, DEFECTIVE_STREAM).next() < defectShare;
  const { picture } = renderPart({
    seed,
    index,
    width,
    height,
    placement,
    format: camera.format === 'GRAY8' ? 'GRAY8' : 'RGB',
    defect: isDefective ? 'random' : null,
  });
  index++;
  parentPort?.postMessage(camera.format === 'BGRx' ? toBgrx(picture) : picture);
});

function toBgrx({ width, height, stride, data }: Picture): Picture {
  const swapped = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = y * stride + x * 3;
      const to = (y * width + x) * 4;
      swapped[to] = data[from + 2]!;
      swapped[to + 1] = data[from + 1]!;
      swapped[to + 2] = data[from]!;
    }
  }
  return { width, height, stride: width * 4, format: 'BGRx', data: swapped };
}
