/**
 * `node score.js MODEL`: scores the golden images of a bundle on the CPU and prints score and map of each as JSON, numbers
 * in full. The bundle is loaded as a station loads it, golden samples and all.
 */
import { decodeImage } from '../../src/image/decode.js';
import { Inspector } from '../../src/infer/inspector.js';
import { runtimeFacts } from '../../src/infer/ort/runtime.js';
import { openBundle } from '../../src/model/open.js';

/** What one machine says of one image. */
export interface ScoredImage {
  readonly image: string;
  readonly score: number;
  readonly map: readonly number[];
  readonly milliseconds: number;
}

export interface MachineScores {
  readonly arch: string;
  readonly node: string;
  readonly onnxRuntime: string;
  readonly model: string;
  readonly images: readonly ScoredImage[];
}

const bundle = await openBundle(process.argv[2] as string);
const inspector = await Inspector.of(bundle, { threshold: { falseRejectRate: 0.005 } });
const images: ScoredImage[] = [];
for (const [image, bytes] of bundle.golden) {
  const picture = await decodeImage(bytes, image);
  const whole = { x: 0, y: 0, width: picture.width, height: picture.height, name: 'whole' };
  const { regions, networkMs } = await inspector.inspectRegions(picture, [whole]);
  const [result] = regions;
  if (result) images.push({ image, score: result.score, map: [...result.map.values], milliseconds: networkMs });
}
await inspector.close();
const scores: MachineScores = {
  arch: process.arch,
  node: process.versions.node,
  onnxRuntime: runtimeFacts().version,
  model: inspector.model,
  images,
};
process.stdout.write(`${JSON.stringify(scores)}\n`);
