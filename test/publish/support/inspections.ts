import sharp from 'sharp';
import { Publisher, type PublisherOptions } from '../../../src/publish/publisher.js';
import type { SessionState } from '../../../src/publish/session.js';
import type { Attachment, Inspection, RegionResult } from '../../../src/types.js';
import { closeAtTheEnd } from './leftovers.js';

export const DEVICE = { site: 'ulm', line: 'press-3', name: 'edge-1' };
export const ROOT = 'sideglance/ulm/press-3/edge-1';

/** Times short enough for a test; the proportions are those of the real ones. */
export const QUICK = {
  connectTimeoutMs: 2000,
  backoffMinMs: 20,
  backoffMaxMs: 200,
  slowRetryMs: 400,
  stableAfterMs: 1000,
  drainMs: 1000,
  farewellMs: 500,
};

export function publisherFor(url: string, rest: Partial<PublisherOptions> = {}): Publisher {
  const publisher = new Publisher({
    device: DEVICE,
    agentVersion: '0.1.0',
    ...rest,
    mqtt: { url, ...rest.mqtt },
    limits: { ...QUICK, ...rest.limits },
  });
  closeAtTheEnd(() => publisher.stop());
  return publisher;
}

export async function reach<Name extends SessionState['state']>(
  publisher: Publisher,
  name: Name,
  timeoutMs = 10_000,
): Promise<SessionState & { state: Name }> {
  if (publisher.state.state === name) return publisher.state as SessionState & { state: Name };
  return new Promise((done, failed) => {
    const timer = setTimeout(() => {
      publisher.off('state', look);
      failed(new Error(`${timeoutMs} ms without '${name}'; the state is ${JSON.stringify(publisher.state)}`));
    }, timeoutMs);
    const look = (state: SessionState) => {
      if (state.state !== name) return;
      clearTimeout(timer);
      publisher.off('state', look);
      done(state as SessionState & { state: Name });
    };
    publisher.on('state', look);
  });
}

/** A part with a scratch, as a station reports it. */
export function inspection(sequence: number, station = 'top', regions = [region('face')]): Inspection {
  return {
    part: { station, epoch: '5f0c2a7e-station', sequence },
    captured: { utc: '2025-03-01T06:15:00.250Z', monotonicMs: 81_234.5 },
    ptsNs: 123_456_789_012n,
    frameWidth: 1280,
    frameHeight: 960,
    model: 'bracket@3',
    provider: 'CPU',
    verdict: { result: 'fail' },
    regions,
    timings: { capture: 1.2, crop: 0.8, network: 11.5, postprocess: 0.6, encode: 2.1, total: 16.2 },
    skippedFrames: 0,
  };
}

export function region(name: string, defects = 1): RegionResult {
  const columns = 32;
  const rows = 32;
  const values = new Float32Array(rows * columns);
  values[rows * 10 + 12] = 7.5;
  return {
    region: { name, x: 320, y: 240, width: 512, height: 512 },
    verdict: { result: 'fail' },
    score: 6.25,
    threshold: 3.1,
    mapThreshold: 3.1,
    pValue: 0.002,
    parts: { position: 5.2, context: 1.4, distortion: 0.9 },
    defects: Array.from({ length: defects }, (_, at) => ({
      box: { x: 384 + at, y: 400, width: 48, height: 16 },
      area: 520,
      peak: 7.5 - at * 0.01,
      kind: 'position' as const,
      shares: { position: 0.72, context: 0.18, distortion: 0.1 },
    })),
    map: { rows, columns, cell: 8, inputWidth: 256, inputHeight: 256, values },
  };
}

/** An anomaly map as PNG; `noise` makes it incompressible and so as large as its pixels. */
export async function mapOf(regionName: string, size = 32, noise = 0): Promise<Attachment> {
  const pixels = Buffer.alloc(size * size);
  let state = noise >>> 0;
  for (let at = 0; at < pixels.length && noise > 0; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    pixels[at] = state >>> 24;
  }
  const bytes = await sharp(pixels, { raw: { width: size, height: size, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
  return {
    kind: 'map',
    region: regionName,
    form: 'png8',
    mediaType: 'image/png',
    bytes,
    scale: { offset: 0, scale: 0.05 },
    grid: { rows: size, columns: size, cell: 8, inputWidth: 256, inputHeight: 256 },
    width: size,
    height: size,
  };
}
