import { Session } from './ort/session.js';
import type { InputShapes } from './tensorrt/settings.js';
import { inWholeBlocks } from './whole-blocks.js';

/** One graph of a model, for whoever loads it. */
export interface GraphFacts {
  /** What messages call it. */
  readonly name: string;
  /** The shape of each input, which is the only one that will ever be given. */
  readonly shapes: InputShapes;
  /** Names of the values from which on everything is computed in FP32, whatever is upstream. */
  readonly boundary: readonly string[];
}

/** Loads a graph, from the bytes of an ONNX file, where the model is to run. */
export type OpenGraph = (graph: Uint8Array, facts: GraphFacts) => Promise<Session>;

/** @param threads of one run; 1 when left out */
export function openOnCpu(threads = 1): OpenGraph {
  return (graph, { name }) => Session.create(inWholeBlocks(graph), { name, threads });
}
