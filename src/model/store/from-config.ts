import type { ModelsConfig } from '../../config/schema.js';
import { ModelStore } from './store.js';

/** The store that a configuration names. */
export function storeFromConfig({ store, keys, keep, maxBundleMb }: ModelsConfig): ModelStore {
  return new ModelStore({ folder: store, keys: keys ?? null, keep, maxBundleBytes: maxBundleMb * 1024 * 1024 });
}
