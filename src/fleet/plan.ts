import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { SideglanceError } from '../errors.js';
import { openSource } from '../model/bundle/source.js';
import { readManifestBytes, verifyFiles, verifyHead } from '../model/bundle/verify.js';
import { parseKeySet } from '../model/signing/key-set.js';
import { type RolloutMessage, rolloutSchema } from '../publish/rollout-message.js';

/** What an operator says about a rollout. */
export interface RolloutWish {
  readonly model?: string | undefined;
  readonly version?: string | undefined;
  readonly url: string;
  readonly sha256?: string | undefined;
  /** The bundle, from which model, version and digest are taken. */
  readonly file?: string | undefined;
  /** A key set by which it is verified before anything is published. */
  readonly keys?: string | undefined;
  readonly devices: Omit<RolloutMessage['devices'], 'percent'>;
  readonly stations?: readonly string[] | undefined;
  readonly activate: RolloutMessage['activate'];
  readonly spreadSeconds: number;
  readonly lastsMs: number;
}

/**
 * The first message of a rollout, which nobody takes part in yet.
 * @throws SideglanceError `SG_USAGE` for what devices would refuse; as `verifyHead` and `verifyFiles` for the file
 */
export async function plannedRollout(wish: RolloutWish, nowMs: number): Promise<RolloutMessage> {
  const { model, version, sha256 } = await whatIsIn(wish);
  const { url, devices, stations, activate, spreadSeconds, lastsMs } = wish;
  return checked({
    schema: 'sideglance/rollout/1',
    id: `${model.slice(0, 32)}-${version.slice(0, 18)}-${randomBytes(4).toString('hex')}`,
    model,
    version,
    url,
    sha256,
    devices: { ...devices, percent: 0 },
    ...(stations !== undefined && { stations: [...stations] }),
    activate,
    spreadSeconds,
    state: 'running',
    issued: new Date(nowMs).toISOString(),
    expires: new Date(nowMs + lastsMs).toISOString(),
  });
}

/** What follows a message. @throws SideglanceError `SG_USAGE` */
export function followed(
  before: RolloutMessage,
  change: { readonly percent?: number; readonly state?: RolloutMessage['state']; readonly expires?: string },
  nowMs: number,
): RolloutMessage {
  const { percent, ...rest } = change;
  const devices = percent === undefined ? before.devices : { ...before.devices, percent };
  // Devices follow what was written later.
  const issued = new Date(Math.max(nowMs, Date.parse(before.issued) + 1)).toISOString();
  return checked({ ...before, ...rest, devices, issued });
}

/** Null where a payload is no rollout that devices would follow. */
export function readRolloutPayload(payload: Uint8Array): RolloutMessage | null {
  try {
    const parsed = rolloutSchema.safeParse(JSON.parse(Buffer.from(payload).toString()));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

async function whatIsIn({ file, keys, ...said }: RolloutWish) {
  if (file === undefined) {
    const { model, version, sha256 } = said;
    if (model === undefined || version === undefined || sha256 === undefined) {
      throw usage('say which model, by --file, or by --model, --version and --sha256');
    }
    return { model, version, sha256 };
  }
  const found = await lookInto(file, keys);
  for (const key of ['model', 'version', 'sha256'] as const) {
    if (said[key] !== undefined && said[key] !== found[key]) {
      throw usage(`${file} has the ${key} ${found[key]}, and the command line says ${said[key]}`);
    }
  }
  return found;
}

async function lookInto(file: string, keys: string | undefined) {
  const source = await openSource(file);
  try {
    const { manifest, signatures } = keys === undefined ? await unverified(source) : await verified(source, keys);
    if (signatures === 0) {
      const text = `${file} has no signature, so no device would install it: \`sideglance model sign\`, then pack it`;
      throw new SideglanceError('SG_BUNDLE_UNSIGNED', text);
    }
    return { model: manifest.id, version: manifest.version, sha256: await digestOfFile(file) };
  } finally {
    await source.close();
  }
}

type Source = Awaited<ReturnType<typeof openSource>>;

async function unverified(source: Source) {
  const head = await source.head();
  const { manifest } = readManifestBytes(head.manifest, source.name, Number.POSITIVE_INFINITY);
  return { manifest, signatures: head.signatures.length };
}

async function verified(source: Source, keys: string) {
  const keySet = parseKeySet(await readFile(keys), keys);
  const bundle = await verifyHead(source, { keys: keySet, maxBytes: Number.POSITIVE_INFINITY });
  await verifyFiles(source, bundle);
  return { manifest: bundle.manifest, signatures: bundle.signers.length };
}

async function digestOfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function checked(message: RolloutMessage): RolloutMessage {
  const parsed = rolloutSchema.safeParse(message);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw usage(`devices would refuse this rollout: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}

function usage(text: string): SideglanceError {
  return new SideglanceError('SG_USAGE', text);
}
