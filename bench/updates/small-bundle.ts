import { createHash } from 'node:crypto';
import { PERMISSION_FILE, permissionFile } from '../../src/model/bundle/permission.js';
import type { SignedFile } from '../../src/model/bundle/source.js';
import { TAR_END, tarHeader, tarPadding } from '../../src/model/bundle/tar.js';
import type { Target } from '../../src/model/bundle/target.js';
import { BUNDLE_FORMAT, MANIFEST_FILE, type Manifest, MODEL_FILE } from '../../src/model/manifest.js';
import { signMessage } from '../../src/model/signing/minisign.js';
import { generateKey, type SecretKey } from '../../src/model/signing/secret-key.js';
import type { KeySet } from '../../src/model/signing/threshold.js';
import { encodeModel } from '../../src/onnx/codec.js';
import { floatTensor, model, node, value } from '../../src/onnx/model.js';
import { Random } from '../../src/random.js';

/** A bundle in memory that no runtime has to see: its files have the forms that staging looks at, and nothing is learnt. */

/** A file of an archive. */
export type Entry = readonly [path: string, bytes: Uint8Array];

/** What tampering starts from. */
export interface SmallBundle {
  readonly manifest: Manifest;
  /** In the order of an archive. */
  readonly entries: readonly Entry[];
}

export interface Signers {
  readonly keySet: KeySet;
  /** Trusted, in the order of the key set. */
  readonly trusted: readonly SecretKey[];
  readonly revoked: SecretKey;
  readonly stranger: SecretKey;
}

/** Three trusted keys, of which `threshold` have to sign. */
export function makeSigners(threshold = 2): Signers {
  const trusted = [generateKey(), generateKey(), generateKey()];
  const [revoked, stranger] = [generateKey(), generateKey()];
  const names = ['alice', 'bob', 'carol'];
  return {
    keySet: {
      serial: 1,
      threshold,
      keys: trusted.map(({ publicKey }, i) => ({ name: names[i]!, publicKey })),
      revoked: [revoked.publicKey],
    },
    trusted,
    revoked,
    stranger,
  };
}

export const DEVICE = { site: 'ulm', line: 'press-3', name: 'edge-1' } as const;

/** A device with one station, whose region is as the bundle's. */
export const TARGET: Target = {
  device: DEVICE,
  stationsOf: () => [{ name: 'top', regions: [{ name: 'face', width: 64, height: 64 }] }],
  misfit: (region, manifest) =>
    region.width === manifest.region.width ? null : `${manifest.region.width} pixels wide`,
};

export interface SmallBundleOptions {
  readonly signers: readonly SecretKey[];
  /** Applied to the manifest before it is signed. */
  readonly edit?: (manifest: Writable<Manifest>) => void;
  readonly opset?: number;
  readonly operator?: string;
  /** Bytes of the weights. */
  readonly weights?: number;
  readonly permission?: {
    readonly devices: readonly string[];
    readonly expires: string;
    readonly signers: readonly SecretKey[];
  };
}

export type Writable<T> = { -readonly [K in keyof T]: T[K] };

export function smallBundle({ signers, edit, permission, ...network }: SmallBundleOptions): SmallBundle {
  const random = new Random(7);
  const noise = (bytes: number) => Uint8Array.from({ length: bytes }, () => random.below(256));
  const files: Entry[] = [
    [MODEL_FILE, smallModel(network)],
    ['golden/0.png', noise(3000)],
    ['golden/1.png', noise(1537)],
  ];
  const manifest = smallManifest(files) as Writable<Manifest>;
  edit?.(manifest);
  const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
  const permit =
    permission &&
    Buffer.from(
      permissionFile({ manifest: sha256(text), devices: [...permission.devices], expires: permission.expires }),
    );
  const entries: Entry[] = [
    [MANIFEST_FILE, text],
    ...signaturesOf(MANIFEST_FILE, text, signers),
    ...(permit
      ? ([[PERMISSION_FILE, permit], ...signaturesOf(PERMISSION_FILE, permit, permission.signers)] as Entry[])
      : []),
    ...files,
  ];
  return { manifest, entries };
}

function smallModel({
  opset = 17,
  operator = 'Add',
  weights = 16_384,
}: Pick<SmallBundleOptions, 'opset' | 'operator' | 'weights'>): Uint8Array {
  const random = new Random(3);
  const shape = [weights / 4];
  const graph = model({
    name: 'small',
    nodes: [node(operator, ['x', 'weights'], ['y'])],
    inputs: [value('x', 'float32', shape)],
    outputs: [value('y', 'float32', shape)],
    initializers: [
      floatTensor(
        'weights',
        shape,
        Array.from({ length: weights / 4 }, () => random.normal()),
      ),
    ],
  });
  return encodeModel({ ...graph, opsets: { '': opset } });
}

function smallManifest(files: readonly Entry[]): Manifest {
  return {
    format: BUNDLE_FORMAT,
    id: 'bracket',
    version: '1.0.0',
    created: '2025-01-01T00:00:00.000Z',
    minimumAgent: '0.1.0',
    geometry: 'aligned',
    region: { width: 64, height: 64 },
    stride: 8,
    scoring: {
      smoothing: 0,
      weights: { position: 1, context: 1, distortion: 1 },
      terms: [{ cells: 2, centre: 0, spread: 1 }],
    },
    calibration: { scores: [0.1, 0.2, 0.5], mapThreshold: 1.5 },
    files: files.map(([path, bytes]) => ({ path, size: bytes.byteLength, sha256: sha256(bytes) })),
    golden: [0, 1].map((i) => ({ image: `golden/${i}.png`, score: i, tolerance: 0.01, map: { mean: 0.5, max: 2 } })),
    trainedOn: { images: 40, source: 'nothing', seed: 1, steps: 100, seconds: 12, teacher: 'none' },
    expires: '2031-01-01T00:00:00.000Z',
    devices: ['ulm/*/edge-1'],
    stations: ['top', 'bottom'],
    requires: { opsets: { '': 17 }, operators: ['Add'] },
  };
}

/** The first one under the name that the stock tool gives, in the order of an archive. */
export function signaturesOf(path: string, bytes: Uint8Array, signers: readonly SecretKey[]): Entry[] {
  const named = signers.map(({ id, key }, i): Entry => {
    const name = i === 0 ? `${path}.minisig` : `${path}.${id}.minisig`;
    return [name, Buffer.from(signMessage(bytes, { id, key, trustedComment: `of ${path}` }))];
  });
  return named.sort(([a], [b]) => (a < b ? -1 : 1));
}

export function archiveOf(entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap(([path, bytes]) => [
    tarHeader({ path, size: bytes.byteLength }),
    bytes,
    tarPadding(bytes.byteLength),
  ]);
  return Buffer.concat([...parts, TAR_END]);
}

/** In pieces that end nowhere in particular. */
export async function* inChunks(bytes: Uint8Array, length = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += length) yield bytes.subarray(at, at + length);
}

export function signedFile(path: string, bytes: Uint8Array, signers: readonly SecretKey[]): SignedFile {
  return {
    bytes,
    signatures: signaturesOf(path, bytes, signers).map(([name, text]) => ({
      name,
      text: Buffer.from(text).toString('utf8'),
    })),
  };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
