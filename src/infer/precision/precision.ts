/**
 * How finely a network computes. `tf32`: FP32 numbers, products of 10-bit mantissas, as NVIDIA's libraries do on their own
 * unless told otherwise. The score head computes in FP32 whatever the network does, except with `int8`.
 */
export const PRECISIONS = ['fp32', 'tf32', 'fp16', 'int8'] as const;
export type Precision = (typeof PRECISIONS)[number];
