import type { Weights } from './networks/parameters.js';

/** A part of Local-Net: a layer that widens, a depthwise one, both behind ReLU6, and a projection. All have a bias. */
export interface Stage {
  /** Names of the layers. */
  readonly widen: string;
  readonly depthwise: string;
  readonly project: string;
  /** Channels to be left between the layers, and behind them; what is more than needed is zero. */
  readonly width: number;
  readonly out: number;
  /** What goes in is added to what comes out. */
  readonly shortcut: boolean;
  /** Channels, as the weights number them, that are taken for constants though they move a little, and their values. */
  readonly still?: ReadonlyMap<number, number>;
  /** Channels, as the weights number them, that come before all others. */
  readonly first?: readonly number[];
}

/** What a value can be, whatever the picture. */
interface Range {
  readonly least: number;
  readonly most: number;
}

type Layers = Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

/** A channel that moves by no more is a constant: the runtime's own rounding is not finer. */
const STILL = 1e-6;

const PIXEL: Range = { least: -1, most: 1 };
const TAPS = 9;

/** A network without its constant channels, and which of each stage's are left, in their new order. */
export interface Narrowed {
  readonly weights: Weights;
  readonly live: readonly (readonly number[])[];
}

/**
 * The same network without the channels that are constant, whatever the picture: of the teacher's first layers, training has left
 * many without effect. What a channel can be follows from the weights by interval arithmetic: pixels lie in −1…1, and nothing
 * behind a ReLU6 leaves 0…6. A constant becomes part of the next layer's bias. So do the channels that a stage says are still.
 *
 * @param stages from the pixels on, which go through the first layer's kernel
 * @throws Error when more channels are left than a stage has room for
 */
export function withoutConstantChannels(weights: Weights, stages: readonly Stage[]): Narrowed {
  const layers: Layers = new Map(weights);
  const left: number[][] = [];
  let inputs: Range[] | null = null;
  for (const stage of stages) {
    const { live, results } = narrow(layers, stage, inputs);
    left.push(live);
    inputs = results;
  }
  return { weights: layers, live: left };
}

/** Narrows one stage. `inputs`: the channels that come in, null for pixels. */
function narrow(layers: Layers, stage: Stage, inputs: Range[] | null): { live: number[]; results: Range[] } {
  const { widen, depthwise, project, width, out, shortcut, still, first = [] } = stage;
  const weightOf = (name: string) => dataOf(layers, `${name}.weight`);
  const biasOf = (name: string) => dataOf(layers, `${name}.bias`);
  const count = biasOf(widen).length;
  const columns = weightOf(widen).length / count;
  const wide = reaches(weightOf(widen), biasOf(widen), inputs ?? new Array<Range>(columns).fill(PIXEL)).map(rectified);
  const moved = wide.map((range, channel) => {
    const kernel = weightOf(depthwise).subarray(channel * TAPS, (channel + 1) * TAPS);
    return rectified(reach(kernel, biasOf(depthwise)[channel]!, new Array<Range>(TAPS).fill(range)));
  });
  const moves = ({ least, most }: Range) => most - least > STILL;
  const moving = [...moved.keys()].filter((channel) => moves(moved[channel]!) && !still?.has(channel));
  const isFirst = (channel: number) => first.includes(channel);
  const live = [...moving.filter(isFirst), ...moving.filter((channel) => !isFirst(channel))];
  if (live.length > width) throw new Error(`${live.length} channels of ${depthwise} are live, more than ${width}`);

  const projection = weightOf(project);
  const bias = Float64Array.from(biasOf(project));
  const constant = moved.map((range, channel) => {
    if (live.includes(channel)) return 0;
    return moves(range) ? still!.get(channel)! : (range.least + range.most) / 2;
  });
  bias.forEach((start, o) => {
    bias[o] = constant.reduce((sum, value, channel) => sum + projection[o * count + channel]! * value, start);
  });
  const rowsOf = (data: Float32Array, length: number, from = length) => {
    const rows = new Float32Array(width * length);
    for (const [row, channel] of live.entries())
      rows.set(data.subarray(channel * from, (channel + 1) * from), row * length);
    return rows;
  };
  const widened = inputs?.length ?? columns;
  const kernel = layers.get(`${widen}.weight`)!.shape.slice(2);
  layers.set(`${widen}.weight`, {
    shape: [width, widened / kernel.reduce((a, b) => a * b, 1), ...kernel],
    data: rowsOf(weightOf(widen), widened, columns),
  });
  layers.set(`${widen}.bias`, { shape: [width], data: rowsOf(biasOf(widen), 1) });
  layers.set(`${depthwise}.weight`, { shape: [width, 1, 3, 3], data: rowsOf(weightOf(depthwise), TAPS) });
  layers.set(`${depthwise}.bias`, { shape: [width], data: rowsOf(biasOf(depthwise), 1) });
  const narrowed = new Float32Array(out * width);
  for (let o = 0; o < bias.length; o += 1) {
    for (const [column, channel] of live.entries()) narrowed[o * width + column] = projection[o * count + channel]!;
  }
  layers.set(`${project}.weight`, { shape: [out, width, 1, 1], data: narrowed });
  const filled = new Float32Array(out);
  filled.set(bias);
  layers.set(`${project}.bias`, { shape: [out], data: filled });

  const left = live.map((channel) => moved[channel]!);
  const results = reaches(narrowed, filled, left, width);
  if (!shortcut || !inputs) return { live, results };
  const summed = results.map(({ least, most }, o) => ({
    least: least + inputs[o]!.least,
    most: most + inputs[o]!.most,
  }));
  return { live, results: summed };
}

/** What each output of a layer can be. `columns`: of its weights, of which those beyond the inputs are zero or missing. */
function reaches(
  weight: Float32Array,
  bias: Float32Array,
  inputs: readonly Range[],
  columns = weight.length / bias.length,
) {
  return Array.from(bias, (start, o) => reach(weight.subarray(o * columns, (o + 1) * columns), start, inputs));
}

function reach(weights: Float32Array, start: number, inputs: readonly Range[]): Range {
  let [least, most] = [start, start];
  inputs.forEach((input, index) => {
    const weight = weights[index] ?? 0;
    least += weight * (weight > 0 ? input.least : input.most);
    most += weight * (weight > 0 ? input.most : input.least);
  });
  return { least, most };
}

function rectified({ least, most }: Range): Range {
  const inside = (value: number) => Math.min(6, Math.max(0, value));
  return { least: inside(least), most: inside(most) };
}

function dataOf(layers: Layers, name: string): Float32Array {
  const found = layers.get(name);
  if (!found) throw new Error(`there are no weights ${name}`);
  return found.data;
}
