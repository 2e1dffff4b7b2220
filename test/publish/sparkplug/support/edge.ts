import type { StationCommands } from '../../../../src/publish/sparkplug/commands.js';
import { EdgeNode, type EdgeNodeState } from '../../../../src/publish/sparkplug/edge-node.js';
import type { EdgeNodeOptions } from '../../../../src/publish/sparkplug/options.js';
import type { Inspection, ModelInUse } from '../../../../src/types.js';
import { inspection as partWithScratch, region } from '../../support/inspections.js';
import { closeAtTheEnd } from '../../support/leftovers.js';

export const GROUP = 'ulm-press-3';
export const EDGE = 'edge-1';

/** Times short enough for a test; the proportions are those of the real ones. */
export const QUICK = {
  connectTimeoutMs: 2000,
  backoffMinMs: 20,
  backoffMaxMs: 200,
  slowRetryMs: 400,
  stableAfterMs: 1000,
  hostWaitMs: 300,
  confirmAfterMs: 10,
  drainMs: 2000,
  farewellMs: 1000,
};

export type EdgeOptions = Partial<Omit<EdgeNodeOptions, 'brokers'>> & { readonly protocolVersion?: 4 | 5 };

/** An edge node with the stations `top` and `side`, each with one region. */
export function edgeNode(urls: string | readonly string[], options: EdgeOptions = {}): EdgeNode {
  const { protocolVersion = 5, limits, ...rest } = options;
  const node = new EdgeNode({
    groupId: GROUP,
    edgeNodeId: EDGE,
    agentVersion: '0.1.0',
    stations: [
      { name: 'top', regions: ['face'] },
      { name: 'side', regions: ['edge'] },
    ],
    ...rest,
    brokers: [urls].flat().map((url) => ({ url, clientId: 'edge-1-sparkplug', protocolVersion, keepaliveSeconds: 2 })),
    limits: { ...QUICK, ...limits },
  });
  closeAtTheEnd(() => node.stop());
  return node;
}

export async function reach(node: EdgeNode, name: EdgeNodeState['state'], timeoutMs = 20_000): Promise<EdgeNodeState> {
  if (node.state.state === name) return node.state;
  return new Promise((done, failed) => {
    const timer = setTimeout(() => {
      node.off('state', look);
      failed(new Error(`${timeoutMs} ms without '${name}'; the state is ${JSON.stringify(node.state)}`));
    }, timeoutMs);
    const look = (state: EdgeNodeState) => {
      if (state.state !== name) return;
      clearTimeout(timer);
      node.off('state', look);
      done(state);
    };
    node.on('state', look);
  });
}

export const RUNNING: ModelInUse = {
  model: 'bracket@3',
  provider: 'CPU',
  precision: 'fp32',
  skipped: [],
  building: null,
  threshold: 3.1,
  refused: null,
  shadow: null,
};
export const NOTHING: ModelInUse = {
  model: null,
  provider: null,
  precision: null,
  skipped: [],
  building: null,
  threshold: null,
  refused: null,
  shadow: null,
};

/** Both stations run, and their cameras. */
export function startStations(node: EdgeNode): void {
  for (const station of ['top', 'side']) {
    node.publishModel(station, RUNNING);
    node.publishCamera(station, { state: 'running', reason: null, at: stamp() });
  }
}

/** A part of a station, captured now. Every third one fails. */
export function part(sequence: number, station = 'top'): Inspection {
  const isBad = sequence % 3 === 0;
  const name = station === 'top' ? 'face' : 'edge';
  const result = { result: isBad ? ('fail' as const) : ('pass' as const) };
  const one = { ...region(name, isBad ? 2 : 0), verdict: result, score: 1 + (sequence % 100) / 100 };
  return { ...partWithScratch(sequence, station, [one]), captured: stamp(), verdict: result };
}

function stamp() {
  return { utc: new Date().toISOString(), monotonicMs: performance.now() };
}

/** Commands that do nothing but remember what they were asked. */
export function rememberingCommands(asked: string[]): Required<StationCommands> {
  return {
    setThreshold: async (station, score) => void asked.push(`threshold ${station} ${score}`),
    trigger: async (station) => void asked.push(`trigger ${station}`),
    activateModel: async (station, model) => {
      if (model !== 'bracket@4') throw new Error(`${model} is not installed`);
      asked.push(`model ${station} ${model}`);
    },
  };
}
