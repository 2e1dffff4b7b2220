import { OUR_TEACHER, RESNET_18, WIDE_RESNET_50 } from './backbones.js';
import { efficientAd } from './efficient-ad.js';
import { padim } from './padim.js';
import { patchCore } from './patchcore.js';
import { publishedMethod } from './published.js';

export interface Peer {
  readonly name: string;
  readonly model: () => Uint8Array;
}

const BACKBONES = [RESNET_18, WIDE_RESNET_50, OUR_TEACHER];

/** What a user would otherwise run. Each takes `region`, uint8 [1, 256, 256, 3]. */
export const PEERS: readonly Peer[] = [
  { name: 'the published method, patch by patch', model: publishedMethod },
  ...(['S', 'M'] as const).map((size) => ({ name: `EfficientAD-${size}`, model: () => efficientAd(size) })),
  ...BACKBONES.map((backbone) => ({ name: `PaDiM, ${backbone.name}`, model: () => padim(backbone) })),
  ...BACKBONES.flatMap((backbone) =>
    [0.01, 0.1].map((share) => ({
      name: `PatchCore ${100 * share} %, ${backbone.name}`,
      model: () => patchCore(backbone, share),
    })),
  ),
];
