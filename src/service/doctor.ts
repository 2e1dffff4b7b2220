import { loadConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { reasonOf } from '../errors.js';
import { brokerChecks } from './doctor-broker.js';
import { cameraChecks, gstreamerCheck } from './doctor-capture.js';
import { modelChecks } from './doctor-model.js';
import { providerChecks, runtimeCheck } from './doctor-runtime.js';

/** What one check found. `warn`: the daemon runs, and somebody should know. */
export interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly text: string;
  /** What to do about it. */
  readonly fix?: string;
}

/** A check that can be run by itself; what it throws is its finding. */
export interface Check {
  readonly name: string;
  readonly fix: string;
  run(): Promise<Omit<Finding, 'check'>>;
}

/**
 * Looks at everything the daemon needs for this configuration, one finding after the other; it starts no camera.
 * @param checkMs longest time for one check; building a TensorRT engine for the first time takes longer, and says so
 */
export async function* examine(configPath: string, checkMs: number): AsyncGenerator<Finding> {
  yield nodeFinding();
  let config: Config | null = null;
  try {
    config = loadConfig(configPath);
    const stations = config.stations.length === 1 ? 'a station' : `${config.stations.length} stations`;
    yield { check: 'configuration', state: 'ok', text: `${config.file}, ${stations}` };
  } catch (thrown) {
    yield {
      check: 'configuration',
      state: 'fail',
      text: reasonOf(thrown),
      fix: 'correct the file; config.yaml of the project explains every key',
    };
  }
  const checks = [
    gstreamerCheck(),
    ...cameraChecks(config?.stations ?? []),
    runtimeCheck(config?.infer.library),
    ...providerChecks(config?.infer ?? { providers: ['cpu'] }),
    ...(config === null ? [] : [...modelChecks(config), ...brokerChecks(config)]),
  ];
  for (const check of checks) yield await bounded(check, checkMs);
}

function nodeFinding(): Finding {
  // bin/sideglance.mjs has refused any Node that is too old.
  return { check: 'Node.js', state: 'ok', text: `${process.versions.node} (${process.platform} ${process.arch})` };
}

async function bounded(check: Check, checkMs: number): Promise<Finding> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Omit<Finding, 'check'>>((resolve) => {
    timer = setTimeout(() => {
      resolve({ state: 'fail', text: `no answer within ${checkMs / 1000} s`, fix: check.fix });
    }, checkMs);
  });
  const found = check
    .run()
    .catch((thrown): Omit<Finding, 'check'> => ({ state: 'fail', text: reasonOf(thrown), fix: check.fix }));
  try {
    return { check: check.name, ...(await Promise.race([found, late])) };
  } finally {
    clearTimeout(timer);
  }
}
