import { modelsInUse } from '../config/models.js';
import type { Config } from '../config/schema.js';
import { SideglanceError } from '../errors.js';
import { Inspector } from '../infer/inspector.js';
import { activeFolders } from '../model/store/open.js';
import type { Check } from './doctor.js';

type Result = Awaited<ReturnType<Check['run']>>;

/** Whether each model loads as a station would load it, and reproduces its golden samples. */
export function modelChecks({ stations, infer }: Pick<Config, 'stations' | 'infer'>): Check[] {
  return modelsInUse(stations).map(({ model, regionsPerPart, stations: names }) => ({
    name: `model of ${names.join(', ')}`,
    fix: 'correct `model`, or make the bundle anew (`sideglance train`)',
    async run() {
      const results: Result[] = [];
      for (const folder of await activeFolders(model, names))
        results.push(await examine(folder, infer, regionsPerPart));
      return results.find(({ state }) => state !== 'ok') ?? results[0]!;
    },
  }));
}

async function examine(folder: string, infer: Config['infer'], regionsPerPart: number): Promise<Result> {
  const threshold = { falseRejectRate: 0.005 };
  const watch = { onBuilding, onWaiting: onBuilding };
  const inspector = await Inspector.load(folder, { ...infer, threshold, regionsPerPart, watch });
  const { manifest, model, provider, skipped, memoryMb } = inspector;
  await inspector.close();
  const text = `${model} reproduces its ${manifest.golden.length} golden samples on ${provider}, holding about ${memoryMb} MB while it runs, ${folder}`;
  const { expires } = manifest;
  const [first] = skipped;
  if (first !== undefined) {
    const why = skipped.map((one) => `not on ${one.provider}: ${one.reason}`);
    return { state: 'warn', text: [text, ...why].join('\n'), fix: first.fix };
  }
  if (expires !== undefined && Date.parse(expires) < Date.now()) {
    return { state: 'warn', text: `${text}; it expired ${expires}`, fix: 'install a newer model' };
  }
  return { state: 'ok', text };
}

/** A look must not take minutes. */
function onBuilding(): never {
  throw new SideglanceError(
    'SG_PROVIDER_UNAVAILABLE',
    'there is no engine for it yet. Fix: build it with `sideglance engine build --config …`; the station does so at its start',
  );
}
