import { SOFTWARE_TRIGGER } from '../config/cameras.js';
import type { CameraConfig } from '../config/schema.js';
import { SideglanceError } from '../errors.js';
import type { CameraControls } from '../types.js';
import type { Camera } from './camera.js';
import { gigeCamera } from './from-config.js';
import type { ElementProperty } from './gstreamer/controls.js';
import { GIGE_SOURCE } from './presets.js';

/** ArvAuto's `off`: the camera would change by itself what it is told. */
const AUTO_OFF = 0;

/** Whether exposure and gain of such a camera can be set. */
export function hasControls(camera: CameraConfig): boolean {
  return camera.type === 'gige';
}

/** Whether the command `trigger` is what makes such a camera take a picture. */
export function firesCamera(camera: CameraConfig): boolean {
  return camera.type === 'gige' && camera.trigger === SOFTWARE_TRIGGER;
}

/**
 * Sets exposure and gain of a camera that runs, and for every time that it is opened again.
 * @returns the settings of the camera as they are now
 * @throws SideglanceError SG_COMMAND_UNSUPPORTED for a kind of camera that has neither, SG_COMMAND_FAILED where it does not
 *   take a value
 */
export async function adjustCamera(
  camera: Camera,
  config: CameraConfig,
  controls: CameraControls,
): Promise<CameraConfig> {
  if (config.type !== 'gige') {
    throw new SideglanceError(
      'SG_COMMAND_UNSUPPORTED',
      `a camera of type ${config.type} has no exposure and gain to set`,
    );
  }
  const { exposureMicroseconds, gainDb } = controls;
  const properties: ElementProperty[] = [];
  const add = (name: string, value: number) => {
    properties.push({ name: `${name}-auto`, type: 'choice', value: AUTO_OFF }, { name, type: 'number', value });
  };
  if (exposureMicroseconds !== undefined) add('exposure', exposureMicroseconds);
  if (gainDb !== undefined) add('gain', gainDb);
  const changed = {
    ...config,
    ...(exposureMicroseconds !== undefined && { exposureMicroseconds }),
    ...(gainDb !== undefined && { gainDb }),
  };
  await camera.adjust(gigeCamera(changed), async (running) => {
    if (running.device) await running.device.control(controls);
    else await running.set(GIGE_SOURCE, properties);
  });
  return changed;
}
