import { loadConfig } from '../config/load.js';
import { type ModelInUse, modelsInUse } from '../config/models.js';
import { SideglanceError } from '../errors.js';
import { Inspector } from '../infer/inspector.js';
import { modelName } from '../model/manifest.js';
import { openBundle } from '../model/open.js';
import { activeFolders } from '../model/store/open.js';
import { executionChoice, type RuntimeOptions } from './model-options.js';

export interface EngineBuildOptions extends Pick<RuntimeOptions, 'library' | 'config'> {
  readonly model?: string;
  readonly json?: true;
}

/**
 * Builds the TensorRT engines of one bundle, or of all that a configuration names, and proves them by the golden samples.
 * @returns the exit code
 * @throws SideglanceError `SG_PROVIDER_UNAVAILABLE` where TensorRT cannot run the model, with the reason and the fix
 */
export async function buildEngines({ model, json, ...options }: EngineBuildOptions): Promise<number> {
  const chosen = model === undefined ? await modelsOf(options.config) : [{ model, regionsPerPart: 1 }];
  for (const { model: folder, regionsPerPart } of chosen) {
    const bundle = await openBundle(folder);
    const name = modelName(bundle.manifest);
    const inspector = await Inspector.of(bundle, {
      ...(await executionChoice(options)),
      providers: ['tensorrt'],
      require: 'tensorrt',
      regionsPerPart,
      threshold: { score: Number.POSITIVE_INFINITY },
      // An engine can be built before the bundle is calibrated for its precision; stations insist on that.
      uncalibrated: true,
      watch: {
        onWaiting: () => tell(`${name}: waiting for another build to end`),
        onBuilding: () => tell(`${name}: building an engine; this takes minutes`),
        onWarning: (text) => tell(`warning: ${text}`),
      },
    });
    const { precision, engines } = inspector;
    await inspector.close();
    for (const engine of engines) {
      const how = engine.buildSeconds === null ? 'was there already' : `built in ${engine.buildSeconds.toFixed(1)} s`;
      const line = json
        ? JSON.stringify({ model: name, bundle: folder, precision, ...engine })
        : `${name} in ${precision}: ${how}, ${engine.folder ?? 'not kept'}`;
      process.stdout.write(`${line}\n`);
    }
    if (json) continue;
    const { precisions } = bundle.manifest;
    if (precision !== 'fp32' && precisions?.[precision] === undefined) {
      tell(
        `warning: ${name} is not calibrated for ${precision} yet: \`sideglance calibrate --config …\` on this device`,
      );
    }
  }
  return 0;
}

async function modelsOf(config: string | undefined): Promise<Pick<ModelInUse, 'model' | 'regionsPerPart'>[]> {
  if (config === undefined) throw new SideglanceError('SG_USAGE', 'name a bundle with --model, or a --config');
  const inUse = modelsInUse(loadConfig(config).stations);
  const folders = inUse.map(async ({ model, stations, regionsPerPart }) =>
    (await activeFolders(model, stations)).map((folder) => ({ model: folder, regionsPerPart })),
  );
  return (await Promise.all(folders)).flat();
}

function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}
