import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../config/load.js';
import { SideglanceError } from '../../errors.js';
import { packBundle } from '../../model/bundle/pack.js';
import { PERMISSION_FILE, permissionFile } from '../../model/bundle/permission.js';
import { type BundleSource, openSource } from '../../model/bundle/source.js';
import { deviceName } from '../../model/bundle/target.js';
import {
  digestOf,
  readManifestBytes,
  type VerifiedBundle,
  verifyFiles,
  verifyHead,
} from '../../model/bundle/verify.js';
import { bundleLimits, MANIFEST_FILE, modelName, parseManifest } from '../../model/manifest.js';
import { parseKeySet } from '../../model/signing/key-set.js';
import { parseSignature } from '../../model/signing/minisign.js';
import { readSignatures } from '../../model/signing/signature-files.js';
import { readSmallFile } from '../../model/small-file.js';
import { replaceFile } from '../../model/sync.js';
import { deviceModels } from '../../updates/device-models.js';
import { type SigningOptions, signFile } from './keys.js';
import { differences } from './manifest-diff.js';

export interface LimitOptions {
  readonly device: readonly string[];
  readonly station: readonly string[];
  readonly expires?: string;
}

export interface PermitOptions extends SigningOptions {
  readonly device: readonly string[];
  readonly until: string;
}

export interface VerifyOptions {
  readonly keys?: string;
  readonly config?: string;
  readonly json?: true;
}

/** `model pack` */
export async function pack(folder: string, { out }: { readonly out: string }): Promise<void> {
  const { manifest, signatures } = await packBundle(folder, out);
  say(`${modelName(manifest)} packed into ${out}, with ${counted(signatures, 'signature')}`);
  if (signatures === 0)
    process.stderr.write('warning: no device installs a bundle without signatures: `sideglance model sign`\n');
}

/** `model limit`: changes the manifest, so that signatures no longer hold and are taken away. */
export async function limit(folder: string, { device, station, expires }: LimitOptions): Promise<void> {
  const file = join(folder, MANIFEST_FILE);
  const {
    devices: _,
    stations: __,
    expires: ___,
    ...rest
  } = JSON.parse(await readManifestText(file)) as Record<string, unknown>;
  const next = {
    ...rest,
    ...(device.length > 0 && { devices: device }),
    ...(station.length > 0 && { stations: station }),
    ...(expires !== undefined && { expires }),
  };
  const text = `${JSON.stringify(next, null, 2)}\n`;
  const manifest = parseManifest(text, file);
  for (const { name } of await readSignatures(file)) await rm(join(folder, name));
  await removePermission(folder);
  await replaceFile(file, text);
  const where = device.length > 0 ? device.join(', ') : 'every device';
  const by = station.length > 0 ? ` by ${station.join(', ')}` : '';
  say(
    `${modelName(manifest)} may be used on ${where}${by}, and installed ${expires === undefined ? 'at any time' : `until ${expires}`}; sign it now`,
  );
}

/** `model permit`: lets a bundle be installed although a newer one was before. */
export async function permit(folder: string, { device, until, ...signing }: PermitOptions): Promise<void> {
  const text = await readManifestText(join(folder, MANIFEST_FILE));
  const manifest = parseManifest(text, join(folder, MANIFEST_FILE));
  const file = join(folder, PERMISSION_FILE);
  const bytes = permissionFile({ manifest: digestOf(Buffer.from(text)), devices: [...device], expires: until });
  const present = await readSmallFile(file, Number.POSITIVE_INFINITY).catch(() => null);
  // The second of several people signs what the first one wrote.
  if (present === null || present.toString('utf8') !== bytes) {
    await removePermission(folder);
    await replaceFile(file, bytes);
  }
  const name = await signFile(file, Buffer.from(bytes), `${modelName(manifest)} downgrade`, signing);
  say(`${modelName(manifest)} may replace newer versions on ${device.join(', ')} until ${until}: ${name}`);
}

/** `model verify`: with a key set, or as a device would. */
export async function verify(path: string, { keys, config, json }: VerifyOptions): Promise<void> {
  if ((keys === undefined) === (config === undefined)) {
    throw new SideglanceError('SG_USAGE', 'name a key set with --keys, or a device with --config');
  }
  const source = await openSource(path);
  try {
    const bundle = keys === undefined ? await asDevice(source, config as string) : await byKeys(source, keys);
    const { manifest, digest, signers } = bundle;
    if (json) say(JSON.stringify({ id: manifest.id, version: manifest.version, digest, signers }));
    else {
      say(
        `${modelName(manifest)} is signed by ${signers.map(({ name, keyId }) => `${name} (${keyId})`).join(', ')}, and whole`,
      );
      if (config !== undefined) say(`it can be installed on ${deviceName(loadConfig(config).device)}`);
    }
  } finally {
    await source.close();
  }
}

async function byKeys(source: BundleSource, keys: string): Promise<VerifiedBundle> {
  const bundle = await verifyHead(source, {
    keys: parseKeySet(await readFile(keys), keys),
    maxBytes: Number.POSITIVE_INFINITY,
  });
  await verifyFiles(source, bundle);
  return bundle;
}

function asDevice(source: BundleSource, config: string): Promise<VerifiedBundle> {
  const { store, target, nowMs } = deviceModels(loadConfig(config));
  return store.check(source, { target, nowMs: nowMs() });
}

/** `model show`: what a bundle says of itself; nothing is verified. */
export async function show(path: string, { json }: { readonly json?: true }): Promise<void> {
  const { manifest, signatures, digest } = await look(path);
  if (json) {
    say(JSON.stringify(manifest, null, 2));
    return;
  }
  const { devices, stations, expires, region, trainedOn, calibration, files } = manifest;
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  say(
    [
      `${modelName(manifest)}, made ${manifest.created}, for sideglance ${manifest.minimumAgent} or newer`,
      `digest: ${digest}`,
      `signatures: ${signatures.length === 0 ? 'none' : signatures.map(({ name, text }) => `${name} (${parseSignature(text).keyId})`).join(', ')}`,
      `for: ${devices?.join(', ') ?? 'every device'}; stations: ${stations?.join(', ') ?? 'all'}; to be installed until: ${expires ?? 'any time'}`,
      `sees: ${region.width}×${region.height} pixels, ${manifest.geometry}, stride ${manifest.stride}`,
      `trained on ${counted(trainedOn.images, 'image')} of ${trainedOn.source}; ${counted(calibration.scores.length, 'score')} of good images`,
      ...files.map((file) => `  ${file.path}  ${file.size}  ${file.sha256.slice(0, 12)}…`),
      `${counted(files.length, 'file')}, ${bytes} bytes. Nothing was verified: \`sideglance model verify\``,
    ].join('\n'),
  );
}

/** `model diff` @returns the exit code: 1 where they differ */
export async function diff(before: string, after: string): Promise<number> {
  const [a, b] = [await look(before), await look(after)];
  const lines = differences(a.manifest, b.manifest);
  say(lines.length === 0 ? 'the manifests say the same' : lines.join('\n'));
  return lines.length === 0 ? 0 : 1;
}

async function look(path: string) {
  const source = await openSource(path);
  try {
    const head = await source.head();
    const { manifest } = readManifestBytes(head.manifest, path, Number.POSITIVE_INFINITY);
    return { manifest, signatures: head.signatures, digest: digestOf(head.manifest) };
  } finally {
    await source.close();
  }
}

async function readManifestText(file: string): Promise<string> {
  const text = (await readSmallFile(file, bundleLimits.maxManifestBytes)).toString('utf8');
  parseManifest(text, file);
  return text;
}

async function removePermission(folder: string): Promise<void> {
  const file = join(folder, PERMISSION_FILE);
  for (const { name } of await readSignatures(file)) await rm(join(folder, name));
  await rm(file, { force: true });
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
