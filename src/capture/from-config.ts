import type { CameraConfig } from '../config/schema.js';
import { SideglanceError } from '../errors.js';
import { TriggeredCamera } from './aravis/triggered-camera.js';
import { imageFiles } from './files.js';
import type { CameraOptions } from './options.js';
import { csiPipeline, gigePipeline, rtspPipeline, simulatedPipeline, v4l2Pipeline } from './presets.js';
import type { Device, FrameSource } from './source.js';

/**
 * What a camera of the configuration means for `Camera`: everything but the listeners.
 * @param line makes the pictures of a camera of `type: simulated`, which cannot do without
 */
export function cameraOptions(
  camera: CameraConfig,
  line: FrameSource | null = null,
): Omit<CameraOptions, 'onEvent' | 'onWarning'> {
  const queue = 'queue' in camera ? camera.queue : 1;
  return { ...whatToOpen(camera, line), queue, format: camera.format, limits: silenceLimits(camera) };
}

function whatToOpen(
  camera: CameraConfig,
  line: FrameSource | null,
): Pick<CameraOptions, 'pipeline' | 'lossless' | 'source' | 'partsPerSecond'> {
  switch (camera.type) {
    case 'simulated':
      if (line === null) throw new SideglanceError('SG_CAMERA_PIPELINE', 'a simulated camera needs a simulated line');
      return { pipeline: simulatedPipeline(camera), source: line, partsPerSecond: camera.partsPerSecond };
    case 'v4l2':
      return { pipeline: v4l2Pipeline(camera) };
    case 'rtsp':
      return { pipeline: rtspPipeline(camera) };
    case 'gige':
      return { pipeline: gigeCamera(camera) };
    case 'csi':
      return { pipeline: csiPipeline(camera) };
    case 'files':
      return { pipeline: imageFiles(camera), lossless: true };
    case 'pipeline':
      return { pipeline: camera.pipeline, lossless: camera.lossless };
  }
}

/** A camera that something triggers is driven by ourselves. */
export function gigeCamera(camera: Extract<CameraConfig, { type: 'gige' }>): string | Device {
  const { trigger } = camera;
  return trigger === undefined ? gigePipeline(camera) : { open: () => TriggeredCamera.open({ ...camera, trigger }) };
}

/** Whatever the configuration says, a line is not silent between two of its parts: three periods are the least. */
function silenceLimits(camera: CameraConfig): { silentAfterMs: number; stallAfterMs: number } {
  const rate =
    'partsPerSecond' in camera
      ? camera.partsPerSecond
      : 'framesPerSecond' in camera
        ? camera.framesPerSecond
        : undefined;
  const leastMs = rate === undefined ? 0 : 3000 / rate;
  const limit = (ms: number | 'never') => (ms === 'never' ? Number.POSITIVE_INFINITY : Math.max(ms, leastMs));
  // A camera that waits for its trigger is asked whether it is there: to open it again would miss the next part.
  if ('trigger' in camera) return { silentAfterMs: limit('never'), stallAfterMs: limit('never') };
  return { silentAfterMs: limit(camera.silentAfterMs), stallAfterMs: limit(camera.reopenAfterMs) };
}
