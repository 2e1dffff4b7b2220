import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Session, type SessionOptions, type Tensor } from '../../src/infer/ort/session.js';
import { feedsFor } from './feeds.js';

/** One node of a graph as the runtime ran it. */
export interface NodeProfile {
  readonly name: string;
  readonly operator: string;
  readonly inputs: readonly (readonly number[])[];
  readonly outputs: readonly (readonly number[])[];
  /** That it reads and writes, weights included. */
  readonly bytes: number;
  /** Its shortest run. */
  readonly ms: number;
}

export interface Profile {
  /** In the order in which they first ran. */
  readonly nodes: readonly NodeProfile[];
  /** Of the last run. */
  readonly results: Readonly<Record<string, Tensor>>;
}

/** An event of the runtime's profile, in Chrome's trace format. */
interface Event {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly dur: number;
  readonly args: {
    readonly op_name?: string;
    readonly activation_size?: string;
    readonly parameter_size?: string;
    readonly output_size?: string;
    readonly input_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
    readonly output_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
  };
}

const KERNEL = '_kernel_time';

/** Runs a model on arbitrary inputs and returns what the runtime's own profile says of each node. */
export async function profileNodes(
  model: Uint8Array,
  { runs = 1, ...options }: Pick<SessionOptions, 'threads' | 'optimisation'> & { readonly runs?: number } = {},
): Promise<Profile> {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-profile-'));
  try {
    const session = await Session.create(model, { ...options, profilePrefix: join(folder, 'profile') });
    let results: Record<string, Tensor> = {};
    try {
      const feeds = feedsFor(session);
      for (let run = 0; run < runs; run++) results = await session.runOnce(feeds);
    } finally {
      await session.close();
    }
    const [file] = await readdir(folder);
    const events = JSON.parse(await readFile(join(folder, file as string), 'utf8')) as Event[];
    return { nodes: nodesOf(events), results };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function nodesOf(events: readonly Event[]): NodeProfile[] {
  const nodes = new Map<string, NodeProfile>();
  for (const { cat, name, dur, args } of events) {
    if (cat !== 'Node' || !name.endsWith(KERNEL)) continue;
    const key = name.slice(0, -KERNEL.length);
    const ms = dur / 1000;
    const known = nodes.get(key);
    if (known && known.ms <= ms) continue;
    const shapes = (list: Event['args']['input_type_shape'] = []) => list.flatMap((one) => Object.values(one));
    const sizes = [args.activation_size, args.parameter_size, args.output_size];
    nodes.set(key, {
      name: key,
      operator: args.op_name ?? '',
      inputs: shapes(args.input_type_shape),
      outputs: shapes(args.output_type_shape),
      bytes: sizes.reduce((sum, size) => sum + Number(size ?? 0), 0),
      ms,
    });
  }
  return [...nodes.values()];
}
