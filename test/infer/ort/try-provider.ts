/**
 * `node try-provider.js LIBRARY PROVIDER`: loads the least model there and prints, as JSON, why it does not run. A process
 * of its own, because a runtime that was loaded once keeps the folder in which it looks for its providers.
 */
import { explainFailure } from '../../../src/infer/ort/explain.js';
import type { Provider } from '../../../src/infer/ort/providers.js';
import { Session } from '../../../src/infer/ort/session.js';
import { sumAndProduct } from '../../support/graphs.js';

const [library, provider] = process.argv.slice(2) as [string, Provider];
try {
  const session = await Session.create(sumAndProduct(), { library, provider });
  await session.close();
  console.log('null');
} catch (thrown) {
  console.log(JSON.stringify(explainFailure(provider, thrown, library)));
}
