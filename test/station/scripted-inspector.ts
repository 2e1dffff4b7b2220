import type { MapsConfig } from '../../src/config/publish.js';
import type { Encoders, RegionInspector } from '../../src/station/judge.js';
import type { Attachment, Frame, Picture, RegionResult, Verdict } from '../../src/types.js';

/** An inspector that answers each frame with the next verdict of its script, or throws the next error. */
export function scriptedInspector(
  script: readonly (Verdict | Error)[],
): RegionInspector & { readonly asked: string[] } {
  const asked: string[] = [];
  let at = 0;
  return {
    model: 'scripted@1',
    provider: 'cpu',
    asked,
    async inspectRegions(picture, regions) {
      const verdict = script[at++ % script.length] as Verdict | Error;
      asked.push(regions.map(({ name, width, height }) => `${name} ${width}x${height}`).join(', '));
      if (verdict instanceof Error) throw verdict;
      const map = { rows: 1, columns: 1, cell: picture.width, inputWidth: picture.width, inputHeight: picture.height };
      const results = regions.map(
        (region): RegionResult => ({
          region,
          verdict,
          score: 0.5,
          threshold: 1,
          mapThreshold: 1,
          pValue: 0.5,
          parts: { position: 0, context: 0, distortion: 0 },
          defects: [],
          map: { ...map, values: new Float32Array(1) },
        }),
      );
      return { regions: results, cropMs: 1, networkMs: 2, postprocessMs: 3 };
    },
  };
}

export const scriptedEncoders: Encoders = {
  maps: (_picture, _judged, due) =>
    due.map(async ({ region }): Promise<Attachment> => ({ ...ATTACHMENT, kind: 'map', region: region.name })),
  async frame(_picture: Picture): Promise<Attachment> {
    return { ...ATTACHMENT, kind: 'frame', region: null };
  },
};

const ATTACHMENT = {
  form: null,
  mediaType: 'image/png',
  bytes: new Uint8Array(1),
  scale: null,
  grid: null,
  width: 1,
  height: 1,
} as const;

/** The configuration of maps: all defaults but these. */
export function mapsConfig(some: Partial<MapsConfig> = {}): MapsConfig {
  return { when: 'always', form: 'png8', perSecond: 'unlimited', ...some };
}

export function frameOf(sequence: number, width = 8, height = 6): Frame {
  return {
    picture: { width, height, stride: width, format: 'GRAY8', data: new Uint8Array(width * height) },
    sequence,
    ptsNs: BigInt(sequence),
    captured: { utc: new Date().toISOString(), monotonicMs: Number(process.hrtime.bigint()) / 1e6 },
    skipped: 0,
  };
}
