import type { Inspection } from '../../src/types.js';

export const DEVICE = { site: 'bench', line: 'bench', name: 'bench' } as const;

/** A part that fails in one place, as a station reports it; some 1.6 kB as a message. */
export function failedPart(station: string, sequence: number): Inspection {
  const now = Number(process.hrtime.bigint() / 1000n) / 1000;
  return {
    part: { station, epoch: 'bench', sequence },
    captured: { utc: new Date().toISOString(), monotonicMs: now },
    ptsNs: null,
    frameWidth: 512,
    frameHeight: 512,
    model: 'bench@1',
    provider: 'CPU',
    verdict: { result: 'fail' },
    regions: [
      {
        region: { name: 'frame', x: 0, y: 0, width: 512, height: 512 },
        verdict: { result: 'fail' },
        score: 6.25,
        threshold: 3.1,
        mapThreshold: 1.2,
        pValue: 0.002,
        parts: { position: 5.2, context: 1.4, distortion: 0.9 },
        defects: [
          {
            box: { x: 384, y: 400, width: 48, height: 16 },
            area: 520,
            peak: 7.5,
            kind: 'position',
            shares: { position: 0.72, context: 0.18, distortion: 0.1 },
          },
        ],
        map: { rows: 32, columns: 32, cell: 8, inputWidth: 256, inputHeight: 256, values: new Float32Array(0) },
      },
    ],
    timings: { capture: 1.2, crop: 0.8, network: 11.5, postprocess: 0.6, encode: 2.1, total: 16.2 },
    skippedFrames: 0,
  };
}
