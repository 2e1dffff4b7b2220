import { createHash } from 'node:crypto';
import { z } from 'zod';

/** Everything that an engine is good for, and nothing else. */
export const EngineFactsSchema = z.object({
  /** SHA-256 of the ONNX file as it was given to the runtime. */
  model: z.string(),
  onnxRuntime: z.string(),
  tensorrt: z.string(),
  gpu: z.string(),
  computeCapability: z.string(),
  precision: z.string(),
  /** Of every input, e.g. `region:1x256x256x3`. */
  shapes: z.string(),
  /** Every option that is not among the above, and the SHA-256 of the calibration table. */
  options: z.record(z.string(), z.string()),
});

export type EngineFacts = z.infer<typeof EngineFactsSchema>;

/** SHA-256 over all facts, in hexadecimal: equal facts, in whatever order, have one key, and different ones never. */
export function engineKey({ options, ...facts }: EngineFacts): string {
  const sorted = (record: Readonly<Record<string, string>>) =>
    Object.entries(record).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return sha256(Buffer.from(JSON.stringify([sorted(facts), sorted(options)])));
}

/**
 * What measured times of kernels are good for: any model, on the same GPU with the same TensorRT.
 * @returns SHA-256 in hexadecimal
 */
export function timingKey({ tensorrt, gpu, computeCapability }: EngineFacts): string {
  return sha256(Buffer.from(JSON.stringify([tensorrt, gpu, computeCapability])));
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
