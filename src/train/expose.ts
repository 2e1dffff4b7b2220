import { decodeModel, encodeModel } from '../onnx/codec.js';
import { value } from '../onnx/model.js';

/** The same model with further outputs: float values of its inside, by their names in the graph, of rank 4. */
export function exposeValues(model: Uint8Array, names: readonly string[]): Uint8Array {
  const decoded = decodeModel(model);
  const outputs = names.map((name) => value(name, 'float32', ['N', `${name} channels`, 'rows', 'columns']));
  return encodeModel({ ...decoded, graph: { ...decoded.graph, outputs: [...decoded.graph.outputs, ...outputs] } });
}
