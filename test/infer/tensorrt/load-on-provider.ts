/**
 * `node load-on-provider.js BUNDLE OPTIONS`: loads a bundle with these options (JSON) and prints the error as JSON. A process
 * of its own, because libraries that were loaded once stay.
 */
import { SideglanceError } from '../../../src/errors.js';
import { Inspector } from '../../../src/infer/inspector.js';

const [bundle, options] = process.argv.slice(2) as [string, string];
const events: string[] = [];
const watch = { onBuilding: () => events.push('building'), onWaiting: () => events.push('waiting') };
try {
  const threshold = { score: 1 };
  const inspector = await Inspector.load(bundle, { ...JSON.parse(options), threshold, uncalibrated: true, watch });
  await inspector.close();
  console.log(JSON.stringify({ events }));
} catch (thrown) {
  if (!(thrown instanceof SideglanceError)) throw thrown;
  console.log(JSON.stringify({ events, code: thrown.code, message: thrown.message }));
}
