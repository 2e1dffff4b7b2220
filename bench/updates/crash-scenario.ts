/*
 * What a device goes through, as a process that may end at any moment: two updates of a model that is in use, a rollback
 * and a new key set. Arguments: the store, the key set, a folder with archives. Prints nothing of its own.
 */
import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TarSource } from '../../src/model/bundle/source.js';
import { readSignatures } from '../../src/model/signing/signature-files.js';
import { ModelStore } from '../../src/model/store/store.js';
import { activated, barred, confirmed, rolledBack } from '../../src/model/store/transitions.js';
import { ID, NOW_MS, STORE_LIMITS } from './crash-fixture.js';
import { TARGET } from './small-bundle.js';

const [folder, keys, archives] = process.argv.slice(2) as [string, string, string];
const store = new ModelStore({ folder, keys, ...STORE_LIMITS });
for (const version of ['2.0.0', '3.0.0']) {
  const path = join(archives, `${version}.tar`);
  const source = new TarSource(path, createReadStream(path));
  const { digest } = await store.install(source, { target: TARGET, nowMs: NOW_MS });
  await store.change(ID, (state) => activated(state, digest, { probation: true }));
  if (version === '2.0.0') await store.change(ID, (state) => confirmed(state));
  else {
    const bar = { digest, version, reason: 'failed', at: new Date(NOW_MS).toISOString() };
    await store.change(ID, (state) => barred(rolledBack(state), bar));
  }
}
const next = join(archives, 'keys.json');
await store.trust(readFileSync(next), await readSignatures(next), next);
