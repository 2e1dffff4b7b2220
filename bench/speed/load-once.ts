/* Loads a bundle in a fresh process, twice, and prints what that cost; see `loading.ts`. Arguments: the bundle, a folder for graphs. */
import type { LoadedOnce } from './loading.js';

const INSPECTIONS = 20;

const [bundle, folder] = process.argv.slice(2) as [string, string];
const before = process.memoryUsage.rss();
const begun = performance.now();
const { Inspector } = await import('../../src/infer/inspector.js');
const { GraphCache } = await import('../../src/infer/graph-cache.js');
const options = { threshold: { score: Number.MAX_VALUE }, cpu: { graphs: new GraphCache(folder) } };
const inspector = await Inspector.load(bundle, options);
const firstMs = performance.now() - begun;
const after = process.memoryUsage.rss();

const { width, height } = inspector.manifest.region;
const picture = { width, height, stride: width * 3, format: 'RGB', data: new Uint8Array(width * height * 3) } as const;
const region = { name: 'all', x: 0, y: 0, width, height };
for (let i = 0; i < INSPECTIONS; i++) await inspector.inspectRegions(picture, [region]);
const working = process.memoryUsage.rss();
await inspector.close();

const again = performance.now();
await (await Inspector.load(bundle, options)).close();
const againMs = performance.now() - again;
const loaded: LoadedOnce = { firstMs, againMs, rssBytes: { before, after, working } };
process.stdout.write(JSON.stringify(loaded), () => process.exit());
