import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { renderPart } from '../../src/capture/simulated/render.js';
import { decodeModel, encodeModel } from '../../src/onnx/codec.js';
import { floatsOf, floatTensor, node } from '../../src/onnx/model.js';
import { Random } from '../../src/random.js';
import { backboneWeights } from '../../src/train/backbone-weights.js';
import { FeatureExtractor } from '../../src/train/features.js';
import { LOCAL_NET } from '../../src/train/networks/local-net.js';
import { TeacherTargets } from '../../src/train/teacher/targets.js';
import { readTeacher } from '../../src/train/teacher/teacher.js';
import { CLIPPED_CHANNELS, STILL_CHANNELS } from '../../src/train/teacher-channels.js';

const [HEIGHT, WIDTH] = [112, 128];
const [ROWS, COLUMNS] = [HEIGHT / LOCAL_NET.stride, WIDTH / LOCAL_NET.stride];

/** Channels of the teacher's taps: it gives s4 first, Local-Net s8. */
const [FINE, COARSE] = [24, 32];

/** The same image, moved right and down by `pixels`; what enters at the left and the top does not matter. */
function moved(bytes: Uint8Array, pixels: number): Uint8Array {
  const offset = (pixels * WIDTH + pixels) * 3;
  return bytes.map((_, index) => bytes[(index - offset + bytes.length) % bytes.length] as number);
}

/** What Local-Net makes of the teacher, in a file: channels that it takes for constants held at their values, and only some of the others clipped. */
async function simplifiedTeacher(t: TestContext): Promise<string> {
  const model = decodeModel(readTeacher().bytes);
  const initializers = model.graph.initializers.map((tensor) => {
    const data = new Float32Array(floatsOf(tensor));
    for (const [index, channels] of STILL_CHANNELS.entries()) {
      const layer = `expanded_conv_${index + 1}.depthwise`;
      for (const [channel, value] of channels) {
        if (tensor.name === `${layer}.weight`) data.fill(0, 9 * channel, 9 * (channel + 1));
        if (tensor.name === `${layer}.bias`) data[channel] = value;
      }
    }
    return tensor.type === 'float32' ? floatTensor(tensor.name, tensor.shape, data) : tensor;
  });
  // Clip(x, 0, 6) becomes Min(Relu(x), most), with a `most` for each channel.
  const nodes = model.graph.nodes.flatMap((made) => {
    const [, block, layer] = /^expanded_conv_(\d)\.(expand|depthwise)\.linear$/.exec(made.inputs[0] ?? '') ?? [];
    const clipped = CLIPPED_CHANNELS[Number(block) - 1];
    if (made.opType !== 'Clip' || !clipped) return [made];
    const channels = initializers.find(({ name }) => name === `expanded_conv_${block}.${layer}.bias`)!.shape[0]!;
    const most = Array.from({ length: channels }, (_, channel) => (clipped.includes(channel) ? 6 : 1e9));
    const [rectified, limit] = [`${made.outputs[0]}.rectified`, `${made.outputs[0]}.most`];
    initializers.push(floatTensor(limit, [1, channels, 1, 1], most));
    return [node('Relu', [made.inputs[0]!], [rectified]), node('Min', [rectified, limit], made.outputs)];
  });
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-teacher-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'teacher.onnx');
  await writeFile(file, encodeModel({ ...model, graph: { ...model.graph, initializers, nodes } }));
  return file;
}

test('Local-Net computes what the teacher does at twice the size, but for channels that hardly move or reach 6', async (t) => {
  const file = await simplifiedTeacher(t);
  const random = new Random(4);
  const bytes = Uint8Array.from({ length: HEIGHT * WIDTH * 3 }, () => random.below(256));
  const options = { batch: 1, height: HEIGHT, width: WIDTH, threads: 1 };
  const local = await FeatureExtractor.create({ ...options, weights: backboneWeights() });
  local.image(0).set(bytes);
  await local.run();
  // The teacher's own padding puts the patches of s8 two pixels further right and down; Local-Net centres them.
  for (const { channels, from, teachers, shift } of [
    { channels: FINE, from: COARSE, teachers: 0, shift: 0 },
    { channels: COARSE, from: 0, teachers: FINE, shift: 2 },
  ]) {
    const teacher = await TeacherTargets.load({ ...options, file, images: moved(bytes, shift) });
    await teacher.run();
    assert.equal(teacher.channels, LOCAL_NET.features);
    for (let channel = 0; channel < channels; channel += 1) {
      // Patches of these cells lie well inside the image, where the teacher's zero padding does not reach.
      for (let row = 3; row < ROWS - 3; row += 1) {
        for (let column = 3; column < COLUMNS - 3; column += 1) {
          const cell = row * COLUMNS + column;
          const ours = local.features[(from + channel) * ROWS * COLUMNS + cell] as number;
          const theirs = teacher.features[(teachers + channel) * ROWS * COLUMNS + cell] as number;
          assert.ok(
            Math.abs(ours - theirs) < 1e-3,
            `channel ${from + channel} of cell ${row}, ${column}: ${ours} ≠ ${theirs}`,
          );
        }
      }
    }
    await teacher.close();
  }
  await local.close();
});

test('what Local-Net leaves out of the teacher hardly shows on a picture', async () => {
  const { picture } = renderPart({ seed: 3, index: 5, width: 256, height: 256, format: 'RGB', placement: 'aligned' });
  const options = { batch: 1, height: 256, width: 256, threads: 1 };
  const local = await FeatureExtractor.create({ ...options, weights: backboneWeights() });
  local.image(0).set(picture.data);
  await local.run();
  const teacher = await TeacherTargets.load({ ...options, images: picture.data });
  await teacher.run();
  const cells = 32 * 32;
  for (let channel = 0; channel < FINE; channel += 1) {
    const part = (features: Float32Array, at: number) => features.subarray(at * cells, (at + 1) * cells);
    const [ours, theirs] = [part(local.features, COARSE + channel), part(teacher.features, channel)];
    const mean = theirs.reduce((sum, value) => sum + value, 0) / cells;
    const moves = Math.hypot(...theirs.map((value) => value - mean));
    // Away from the border, which the teacher does not mirror.
    const inner = [...ours.keys()].filter((cell) =>
      [cell % 32, Math.floor(cell / 32)].every((at) => at > 2 && at < 29),
    );
    const difference = Math.hypot(...inner.map((cell) => ours[cell]! - theirs[cell]!));
    assert.ok(
      difference < 0.15 * moves,
      `channel ${channel} is off by ${(difference / moves).toFixed(3)} of its deviation`,
    );
  }
  await teacher.close();
  await local.close();
});
