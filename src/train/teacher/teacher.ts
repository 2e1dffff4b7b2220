import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { reasonOf, SideglanceError } from '../../errors.js';
import { decodeModel } from '../../onnx/codec.js';
import type { OnnxModel } from '../../onnx/model.js';
import { PACKAGE_ROOT } from '../../paths.js';

/** The teacher that ships: the backbone of an Open Images detector (see `models/README.md`). */
export const DEFAULT_TEACHER = join(PACKAGE_ROOT, 'models', 'teacher.onnx');

/** One output of the teacher: [N, channels, H / stride, W / stride], float32. */
export interface TeacherTap {
  readonly name: string;
  readonly stride: number;
  readonly channels: number;
}

/**
 * A pretrained network that Local-Net takes its layers from. It has one input [N, 3, H, W], float32, RGB, with free
 * N, H and W; H and W are multiples of `inputMultiple`.
 */
export interface Teacher {
  readonly bytes: Uint8Array;
  readonly inputName: string;
  /** A grey level x of 0…255 enters as x × scale + offset; one number for each of R, G and B. */
  readonly inputScale: readonly [number, number, number];
  readonly inputOffset: readonly [number, number, number];
  readonly inputMultiple: number;
  readonly taps: ReadonlyMap<string, TeacherTap>;
  /** What the weights are, for the manifest of whatever is trained from them. */
  readonly title: string;
}

/**
 * Reads a teacher: an ONNX file that says in its metadata `input_scale` and `input_offset` (one number, or three for
 * R, G, B), `input_multiple`, and `taps`, a JSON object from the names of outputs to their strides. A file made
 * elsewhere may have these keys beside it instead, in `<file>.json`; they go before the metadata.
 *
 * @throws SideglanceError `SG_MODEL_UNREADABLE` for a file that is missing or no ONNX model, `SG_MODEL_INVALID` for
 * one that does not say what is needed to use it.
 */
export function readTeacher(path: string = DEFAULT_TEACHER): Teacher {
  const bytes = read(path);
  const model = decodeModel(bytes, path);
  const facts = new Facts(path, { ...model.metadata, ...sidecar(path) });
  return {
    bytes,
    inputName: inputOf(path, model),
    inputScale: facts.perChannel('input_scale'),
    inputOffset: facts.perChannel('input_offset'),
    inputMultiple: facts.wholeNumber('input_multiple'),
    taps: new Map(facts.taps().map(([name, stride]) => [name, tapOf(path, model, name, stride)])),
    title: model.metadata.title ?? basename(path),
  };
}

/** @throws SideglanceError `SG_MODEL_INVALID`, naming the taps there are, when the teacher has no such tap. */
export function tapNamed(teacher: Teacher, name: string): TeacherTap {
  const tap = teacher.taps.get(name);
  if (tap) return tap;
  throw invalid(teacher.title, `it has no tap ${name}, only ${[...teacher.taps.keys()].join(', ')}`);
}

class Facts {
  readonly #path: string;
  readonly #texts: Readonly<Record<string, string>>;

  constructor(path: string, texts: Readonly<Record<string, string>>) {
    this.#path = path;
    this.#texts = texts;
  }

  #text(key: string): string {
    const text = this.#texts[key];
    if (text !== undefined) return text;
    throw invalid(this.#path, `it does not say ${key}; add it to the ONNX metadata or to ${basename(this.#path)}.json`);
  }

  perChannel(key: string): [number, number, number] {
    const numbers = this.#text(key).split(',').map(Number);
    const [r, g = r, b = r] = numbers;
    if (numbers.every(Number.isFinite) && (numbers.length === 1 || numbers.length === 3)) {
      return [r!, g!, b!]; // split always yields a first part
    }
    throw invalid(this.#path, `${key} is "${this.#text(key)}", but must be one number, or three with commas`);
  }

  wholeNumber(key: string): number {
    const number = Number(this.#text(key));
    if (Number.isInteger(number) && number > 0) return number;
    throw invalid(this.#path, `${key} is "${this.#text(key)}", but must be a whole number above 0`);
  }

  taps(): [string, number][] {
    const taps = jsonObject(this.#path, this.#text('taps'));
    const entries = Object.entries(taps).map(([name, stride]): [string, number] => [name, Number(stride)]);
    if (entries.length > 0 && entries.every(([, stride]) => Number.isInteger(stride) && stride > 0)) return entries;
    throw invalid(this.#path, 'taps must give the stride of at least one output, such as {"s8": 8}');
  }
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new SideglanceError('SG_MODEL_UNREADABLE', `the teacher cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

/** The keys of `<file>.json` as texts, like the metadata; none where there is no such file. */
function sidecar(path: string): Record<string, string> {
  const name = `${path}.json`;
  let text: string;
  try {
    text = readFileSync(name, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new SideglanceError('SG_MODEL_UNREADABLE', `${name}: ${reasonOf(thrown)}`, { cause: thrown });
  }
  const entries = Object.entries(jsonObject(name, text));
  return Object.fromEntries(entries.map(([key, value]) => [key, textOf(value)]));
}

/** A list becomes numbers with commas and an object JSON, the forms they have in the metadata. */
function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function jsonObject(where: string, text: string): object {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  } catch (cause) {
    throw invalid(where, reasonOf(cause), cause);
  }
  throw invalid(where, `a JSON object was expected, not ${text.slice(0, 40)}`);
}

function inputOf(path: string, model: OnnxModel): string {
  const stored = new Set(model.graph.initializers.map((tensor) => tensor.name));
  const inputs = model.graph.inputs.filter((input) => !stored.has(input.name));
  const [input] = inputs;
  if (inputs.length === 1 && input?.type === 'float32' && input.shape.length === 4 && input.shape[1] === 3) {
    return input.name;
  }
  throw invalid(path, 'it must have one input, float32 [N, 3, H, W]');
}

function tapOf(path: string, model: OnnxModel, name: string, stride: number): TeacherTap {
  const output = model.graph.outputs.find((value) => value.name === name);
  const channels = output?.shape[1];
  if (output?.type !== 'float32' || output.shape.length !== 4 || typeof channels !== 'number') {
    throw invalid(path, `tap ${name} must be an output, float32 [N, channels, H, W] with a fixed number of channels`);
  }
  return { name, stride, channels };
}

function invalid(path: string, what: string, cause?: unknown): SideglanceError {
  return new SideglanceError('SG_MODEL_INVALID', `the teacher ${path} cannot be used: ${what}`, { cause });
}
