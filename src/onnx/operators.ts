import { SideglanceError } from '../errors.js';
import type { OnnxGraph, OnnxModel } from './model.js';

/** What a network needs from a runtime. */
export interface OperatorNeeds {
  /** The version of each operator set by its domain; the standard one is `''`. */
  readonly opsets: Readonly<Record<string, number>>;
  /** Each operator once, sorted; those of another domain as `domain::operator`. */
  readonly operators: readonly string[];
}

/** The newest operator set of the oldest runtime that is supported, ONNX Runtime 1.12. */
export const NEWEST_OPSET = 17;

/**
 * The standard operators that a network in a bundle may have: what is computed once, from tensors to tensors. No control flow,
 * which can run for ever, no random numbers, sequences, texts or training, and no operator of another domain, which needs a
 * library.
 */
const SUPPORTED: ReadonlySet<string> = new Set(
  `Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast CastLike Ceil Clip Compress Concat Constant ConstantOfShape Conv
  ConvTranspose Cos CumSum DepthToSpace DequantizeLinear Div Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor Gather
  GatherElements GatherND Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual HardSigmoid HardSwish Identity
  InstanceNormalization LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization MatMul Max MaxPool Mean Min
  Mod Mul Neg Not Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
  ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round ScatterElements
  ScatterND Selu Shape Sigmoid Sign Sin Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Tile
  TopK Transpose Trilu Unsqueeze Where Xor`.split(/\s+/),
);

/** Of several graphs together; operators of graphs inside them count. */
export function operatorNeeds(models: readonly OnnxModel[]): OperatorNeeds {
  const opsets: Record<string, number> = {};
  const operators = new Set<string>();
  const visit = ({ nodes }: OnnxGraph): void => {
    for (const { domain, opType, attributes } of nodes) {
      operators.add(isStandard(domain) ? opType : `${domain}::${opType}`);
      for (const attribute of Object.values(attributes)) if (attribute.kind === 'graph') visit(attribute.value);
    }
  };
  for (const model of models) {
    for (const [domain, version] of Object.entries(model.opsets)) {
      const name = isStandard(domain) ? '' : domain;
      opsets[name] = Math.max(opsets[name] ?? 0, version);
    }
    visit(model.graph);
  }
  return { opsets, operators: [...operators].sort() };
}

/**
 * @param where the bundle or the file, for messages
 * @throws SideglanceError `SG_BUNDLE_OPERATOR` naming everything that is not supported
 */
export function checkOperators({ opsets, operators }: OperatorNeeds, where: string): void {
  const sets = Object.entries(opsets)
    .filter(([domain, version]) => !isStandard(domain) || version > NEWEST_OPSET)
    .map(([domain, version]) => `operator set ${isStandard(domain) ? '' : `${domain} `}${version}`);
  const strange = [...sets, ...operators.filter((name) => !SUPPORTED.has(name))];
  if (strange.length === 0) return;
  throw new SideglanceError(
    'SG_BUNDLE_OPERATOR',
    `${where} needs ${strange.join(', ')}, which is not supported. Export it with operator set ${NEWEST_OPSET} and standard operators`,
  );
}

/** Both names of the standard domain are in use. */
function isStandard(domain: string): boolean {
  return domain === '' || domain === 'ai.onnx';
}
