#!/usr/bin/env node
// Finds the channels of the teacher's layers that hardly move, for Local-Net to do without, and writes src/train/still-channels.ts.
//
//   npm run build && node scripts/teacher/still-channels.mjs FOLDER
//
// FOLDER holds the photographs that models/README.md names; as many pictures of the simulated line are looked at. A channel moves
// what its block makes by its own deviation times the length of its column of the projection. Of each block the channels go that do
// so least, as many as Local-Net has no room for.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { renderPart } from '../../dist/src/capture/simulated/render.js';
import { decodeImage, listImages } from '../../dist/src/image/decode.js';
import { resampleToRgb } from '../../dist/src/image/resample.js';
import { Session } from '../../dist/src/infer/ort/session.js';
import { STAGES, teacherLayers } from '../../dist/src/train/backbone-weights.js';
import { exposeValues } from '../../dist/src/train/expose.js';
import { withoutConstantChannels } from '../../dist/src/train/live-channels.js';
import { readTeacher } from '../../dist/src/train/teacher/teacher.js';

const OUT = 'src/train/still-channels.ts';
/** Of a region as models have it, and of what the teacher sees of it. */
const SIDE = 256;
const ENLARGED = 2 * SIDE;
const ROOMY = 1024;
const SIMULATED_DEFECT_EVERY = 3;

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node scripts/teacher/still-channels.mjs FOLDER');
  process.exit(2);
}
const layers = teacherLayers();
const blocks = STAGES.slice(1);
const { live } = withoutConstantChannels(
  layers,
  STAGES.map(({ still: _, ...stage }) => ({ ...stage, width: ROOMY })),
);
const moments = await momentsOf(await pictures());
const lists = blocks.map(({ project, width }, index) => {
  const { shape, data } = layers.get(`${project}.weight`);
  const [outputs, channels] = shape;
  const column = (channel) => Math.hypot(...Array.from({ length: outputs }, (_, o) => data[o * channels + channel]));
  const moving = live[index + 1].map((channel) => {
    const { mean, deviation } = moments[index][channel];
    return { channel, mean, moves: deviation * column(channel) };
  });
  moving.sort((a, b) => a.moves - b.moves);
  const total = Math.hypot(...moving.map(({ moves }) => moves));
  const still = moving.slice(0, Math.max(0, moving.length - width));
  const share = Math.hypot(...still.map(({ moves }) => moves)) / total;
  console.log(
    `${project}: ${still.length} of ${moving.length} channels, ${(100 * share).toFixed(1)} % of its deviation`,
  );
  return still.sort((a, b) => a.channel - b.channel).map(({ channel, mean }) => [channel, Number(mean.toFixed(4))]);
});
writeFileSync(
  OUT,
  `/**
 * Channels of the teacher's blocks 1 to 5 that hardly move, and their means: Local-Net takes them for constants.
 * Written by \`scripts/teacher/still-channels.mjs\`; what that costs and saves: docs/decisions.md, "Speed".
 */
export const STILL_CHANNELS: readonly (readonly (readonly [channel: number, value: number])[])[] = [
${lists.map((list) => `  [${list.map(([channel, mean]) => `[${channel}, ${mean}]`).join(', ')}],\n`).join('')}];
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

/** Mean and deviation of each channel behind the depthwise layer of each block. */
async function momentsOf(pictures) {
  const teacher = readTeacher();
  const names = blocks.map((_, index) => `expanded_conv_${index + 1}.depthwise`);
  const session = await Session.create(exposeValues(teacher.bytes, names), { threads: 2 });
  const sums = names.map(() => []);
  for (const picture of pictures) {
    const input = { type: 'float32', shape: [1, 3, ENLARGED, ENLARGED], data: seen(picture, teacher) };
    const results = await session.runOnce({ [teacher.inputName]: input });
    for (const [index, name] of names.entries()) add(sums[index], results[name]);
  }
  await session.close();
  return sums.map((channels) =>
    channels.map(({ count, sum, squares }) => {
      const mean = sum / count;
      return { mean, deviation: Math.sqrt(Math.max(0, squares / count - mean ** 2)) };
    }),
  );
}

function add(sums, { shape, data }) {
  const channels = shape[1];
  const cells = data.length / channels;
  for (let channel = 0; channel < channels; channel++) {
    sums[channel] ??= { count: 0, sum: 0, squares: 0 };
    const of = sums[channel];
    for (const value of data.subarray(channel * cells, (channel + 1) * cells)) {
      of.count += 1;
      of.sum += value;
      of.squares += value ** 2;
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
