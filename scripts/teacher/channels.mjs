#!/usr/bin/env node
// Finds what Local-Net can do without in the teacher's layers, and writes src/train/teacher-channels.ts.
//
//   npm run build && node scripts/teacher/channels.mjs FOLDER
//
// FOLDER holds the photographs that models/README.md names; as many pictures of the simulated line are looked at.
//
// Channels that hardly move: one moves what its block makes by its own deviation times the length of its column of the projection. Of
// each block the channels go that do so least, as many as Local-Net has no room for.
//
// Channels that need not be clipped at 6: what is beyond 6 before an activation would change what the block makes by its root mean square,
// times the sum of the depthwise kernel where it is before that, times the length of the projection's column. Of each block as many stay
// clipped as Local-Net has room for, those that would change it most.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { renderPart } from '../../dist/src/capture/simulated/render.js';
import { decodeImage, listImages } from '../../dist/src/image/decode.js';
import { resampleToRgb } from '../../dist/src/image/resample.js';
import { Session } from '../../dist/src/infer/ort/session.js';
import { STAGES, teacherLayers } from '../../dist/src/train/backbone-weights.js';
import { exposeValues } from '../../dist/src/train/expose.js';
import { withoutConstantChannels } from '../../dist/src/train/live-channels.js';
import { LOCAL_BLOCKS } from '../../dist/src/train/networks/local-net.js';
import { readTeacher } from '../../dist/src/train/teacher/teacher.js';

const OUT = 'src/train/teacher-channels.ts';
/** Of a region as models have it, and of what the teacher sees of it. */
const SIDE = 256;
const ENLARGED = 2 * SIDE;
const ROOMY = 1024;
const SIMULATED_DEFECT_EVERY = 3;

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node scripts/teacher/channels.mjs FOLDER');
  process.exit(2);
}
const layers = teacherLayers();
const blocks = STAGES.slice(1);
const { live } = withoutConstantChannels(
  layers,
  STAGES.map(({ still: _, first: __, ...stage }) => ({ ...stage, width: ROOMY })),
);
const moments = await momentsOf(await pictures());
const lists = blocks.map(({ depthwise, project, width }, index) => {
  const { shape, data } = layers.get(`${project}.weight`);
  const [outputs, channels] = shape;
  const column = (channel) => Math.hypot(...Array.from({ length: outputs }, (_, o) => data[o * channels + channel]));
  const kernels = layers.get(`${depthwise}.weight`).data;
  const kernel = (channel) =>
    kernels.subarray(9 * channel, 9 * channel + 9).reduce((sum, tap) => sum + Math.abs(tap), 0);
  const { expand, moved } = moments[index];
  const moving = live[index + 1].map((channel) => {
    const { mean, deviation } = moved[channel];
    const beyond = Math.hypot(kernel(channel) * expand[channel].beyond, moved[channel].beyond);
    return { channel, mean, moves: deviation * column(channel), clips: beyond * column(channel) };
  });
  moving.sort((a, b) => a.moves - b.moves);
  const length = (list) => Math.hypot(...list);
  const total = length(moving.map(({ moves }) => moves));
  const share = (list) => `${((100 * length(list)) / total).toFixed(1)} % of its deviation`;
  const still = moving.splice(0, Math.max(0, moving.length - width));
  console.log(
    `${project}: ${still.length} of ${still.length + moving.length} channels still, ${share(still.map(({ moves }) => moves))}`,
  );
  moving.sort((a, b) => b.clips - a.clips);
  const room = LOCAL_BLOCKS[index].branches.reduce((sum, branch) => sum + (branch.clipped ? branch.width : 0), 0);
  const clipped = moving.splice(0, room);
  console.log(`${project}: ${moving.length} channels not clipped, ${share(moving.map(({ clips }) => clips))}`);
  const inOrder = (channels) => channels.sort((a, b) => a.channel - b.channel);
  return {
    still: inOrder(still).map(({ channel, mean }) => [channel, Number(mean.toFixed(4))]),
    clipped: inOrder(clipped).map(({ channel }) => channel),
  };
});
writeFileSync(
  OUT,
  `// Written by \`scripts/teacher/channels.mjs\`; what it costs and saves: docs/decisions.md, "Speed".

/** Channels of the teacher's blocks 1 to 5 that hardly move, and their means: Local-Net takes them for constants. */
export const STILL_CHANNELS: readonly (readonly (readonly [channel: number, value: number])[])[] = [
${lists.map(({ still }) => `  [${still.map(([channel, mean]) => `[${channel}, ${mean}]`).join(', ')}],\n`).join('')}];

/** Channels of the same blocks that are beyond 6 before an activation often enough to matter: Local-Net clips no others. */
export const CLIPPED_CHANNELS: readonly (readonly number[])[] = [
${lists.map(({ clipped }) => `  [${clipped.join(', ')}],\n`).join('')}];
`,
);

spawnSync(process.execPath, ['node_modules/@biomejs/biome/bin/biome', 'format', '--write', OUT], { stdio: 'inherit' });

async function pictures() {
  const photographs = [];
  for (const file of await listImages(folder)) photographs.push(await decodeImage(file));
  const parts = photographs.map(
    (_, index) =>
      renderPart({
        ...{ seed: index, index, width: SIDE, height: SIDE, format: 'RGB' },
        placement: index % 2 === 0 ? 'aligned' : 'anywhere',
        defect: index % SIMULATED_DEFECT_EVERY === 0 ? 'random' : null,
      }).picture,
  );
  return [...photographs, ...parts];
}

/** Of each block, what its channels do behind the expansion and behind the depthwise layer. */
async function momentsOf(pictures) {
  const teacher = readTeacher();
  const names = blocks.map((_, index) =>
    ['expand', 'depthwise'].map((layer) => `expanded_conv_${index + 1}.${layer}.linear`),
  );
  const session = await Session.create(exposeValues(teacher.bytes, names.flat()), {
    threads: 2,
    optimisation: 'none',
  });
  const sums = new Map(names.flat().map((name) => [name, []]));
  for (const picture of pictures) {
    const input = { type: 'float32', shape: [1, 3, ENLARGED, ENLARGED], data: seen(picture, teacher) };
    const results = await session.runOnce({ [teacher.inputName]: input });
    for (const [name, channels] of sums) add(channels, results[name]);
  }
  await session.close();
  const moments = (name) =>
    sums.get(name).map(({ count, sum, squares, beyond }) => {
      const mean = sum / count;
      const deviation = Math.sqrt(Math.max(0, squares / count - mean ** 2));
      return { mean, deviation, beyond: Math.sqrt(beyond / count) };
    });
  return names.map(([expand, moved]) => ({ expand: moments(expand), moved: moments(moved) }));
}

/** Adds what a channel's values are behind ReLU6, and what they are beyond 6 before it. */
function add(sums, { shape, data }) {
  const channels = shape[1];
  const cells = data.length / channels;
  for (let channel = 0; channel < channels; channel++) {
    sums[channel] ??= { count: 0, sum: 0, squares: 0, beyond: 0 };
    const of = sums[channel];
    for (const raw of data.subarray(channel * cells, (channel + 1) * cells)) {
      const value = Math.min(6, Math.max(0, raw));
      of.count += 1;
      of.sum += value;
      of.squares += value ** 2;
      if (raw > 6) of.beyond += (raw - 6) ** 2;
    }
  }
}

/** A picture as the teacher gets it: brought to a region, enlarged, planes of red, green and blue. */
function seen(picture, { inputScale, inputOffset }) {
  const region = scaled(picture, SIDE);
  const { data } = scaled({ width: SIDE, height: SIDE, stride: 3 * SIDE, format: 'RGB', data: region.data }, ENLARGED);
  const pixels = ENLARGED ** 2;
  return Float32Array.from({ length: 3 * pixels }, (_, i) => {
    const colour = Math.floor(i / pixels);
    return data[3 * (i % pixels) + colour] * inputScale[colour] + inputOffset[colour];
  });
}

function scaled(picture, side) {
  const target = { width: side, height: side, data: new Uint8Array(3 * side * side) };
  resampleToRgb(picture, { x: 0, y: 0, width: picture.width, height: picture.height }, target);
  return target;
}
