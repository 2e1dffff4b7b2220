import { existsSync } from 'node:fs';
import { openAravis } from '../capture/aravis/binding.js';
import { cameraOptions } from '../capture/from-config.js';
import { elementExists, gstreamerVersion, missingElements, packageOfElement } from '../capture/gstreamer/elements.js';
import { gigePipeline, imageFilePipeline } from '../capture/presets.js';
import type { CameraConfig, StationConfig } from '../config/schema.js';
import { reasonOf } from '../errors.js';
import type { Check, Finding } from './doctor.js';

const INSTALL_GSTREAMER =
  'sudo apt-get install -y --no-install-recommends gstreamer1.0-plugins-base gstreamer1.0-plugins-good';

const INSTALL_ARAVIS = 'sudo apt-get install -y --no-install-recommends libaravis-0.8-0';

/** What capture puts behind every camera. */
const COMMON_ELEMENTS = ['appsink', 'videoconvert'];

export function gstreamerCheck(): Check {
  return {
    name: 'GStreamer',
    fix: INSTALL_GSTREAMER,
    async run() {
      const version = await gstreamerVersion();
      const missing = await absent(COMMON_ELEMENTS);
      return missing.length === 0 ? { state: 'ok', text: version } : missingFinding(`${version}, but`, missing);
    },
  };
}

/** Whether each camera could be opened: its elements and its device are there. Nothing is opened. */
export function cameraChecks(stations: readonly StationConfig[]): Check[] {
  return stations.map(({ name, camera }) => ({
    name: `camera of ${name}`,
    fix: INSTALL_GSTREAMER,
    async run() {
      const missing = await missingFor(camera);
      if (missing.length > 0) return missingFinding(`${camera.type}:`, missing);
      if (camera.type === 'gige' && camera.trigger !== undefined) {
        const missingLibrary = await openAravis().then(() => null, reasonOf);
        if (missingLibrary !== null) return { state: 'fail', text: missingLibrary, fix: INSTALL_ARAVIS };
      }
      if (camera.type === 'v4l2' && !existsSync(camera.device)) {
        return {
          state: 'fail',
          text: `there is no ${camera.device}`,
          fix: 'plug the camera in, or correct `device`; `v4l2-ctl --list-devices` names those that are there',
        };
      }
      return { state: 'ok', text: `${camera.type}, every element is installed` };
    },
  }));
}

async function missingFor(camera: CameraConfig): Promise<string[]> {
  switch (camera.type) {
    case 'simulated':
      return absent(['appsrc']);
    case 'files':
      return absent(['image.png', 'image.jpg'].flatMap((path) => elementsOf(imageFilePipeline(path))));
    case 'gige': {
      // Parsing the text would open the camera, which a running daemon may be using.
      const { camera: _, trigger, sensor, ...rest } = camera;
      if (trigger === undefined) return absent(elementsOf(gigePipeline({ ...rest, sensor })));
      return absent(sensor === 'bayer' ? ['appsrc', 'bayer2rgb'] : ['appsrc']);
    }
    default: {
      const { pipeline } = cameraOptions(camera);
      return typeof pipeline === 'string' ? missingElements(pipeline) : [];
    }
  }
}

/** The elements of a text without quoted values that hold ` ! `. */
function elementsOf(pipeline: string): string[] {
  return pipeline
    .split(' ! ')
    .map((part) => part.trim().split(' ', 1)[0] ?? '')
    .filter((name) => name !== '' && !name.includes('/'));
}

async function absent(names: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const name of new Set(names)) if (!(await elementExists(name))) missing.push(name);
  return missing;
}

function missingFinding(what: string, missing: readonly string[]): Omit<Finding, 'check'> {
  const packages = new Set(missing.map(packageOfElement).filter((name) => name !== null));
  const elements = missing.length === 1 ? 'the GStreamer element' : 'the GStreamer elements';
  return {
    state: 'fail',
    text: `${what} ${elements} ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not installed`,
    fix:
      packages.size > 0
        ? `sudo apt-get install -y --no-install-recommends ${[...packages].join(' ')}`
        : 'correct the spelling, or install the plugin that brings it (`apt-file search`, the camera maker’s packages)',
  };
}
