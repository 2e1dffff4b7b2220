import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SideglanceError } from '../../../src/errors.js';
import { climb } from '../../../src/infer/ort/ladder.js';
import type { Provider } from '../../../src/infer/ort/providers.js';
import type { ProviderFailure } from '../../../src/types.js';
import { fault } from '../../support/faults.js';

const NO_DEVICE = new SideglanceError('SG_RUNTIME', 'CUDA failure 100: no CUDA-capable device is detected');
const WRONG = new SideglanceError('SG_MODEL_GOLDEN_MISMATCH', 'score 4, expected 1');

/** An attempt that fails on those providers that have an error, and what it was asked. */
function scripted(errors: Partial<Record<Provider, Error>>) {
  const tried: Provider[] = [];
  return {
    tried,
    attempt: async (provider: Provider) => {
      tried.push(provider);
      const error = errors[provider];
      if (error) throw error;
      return `made on ${provider}`;
    },
  };
}

test('the first provider that serves is used, and those before it are told with reason and fix', async () => {
  const { tried, attempt } = scripted({ tensorrt: WRONG, cuda: NO_DEVICE });
  const told: string[] = [];
  const onSkipped = (failure: ProviderFailure) => told.push(failure.provider);
  const { made, provider, skipped } = await climb({ providers: ['tensorrt', 'cuda', 'cpu'], onSkipped }, attempt);
  assert.deepEqual(told, ['tensorrt', 'cuda']);
  assert.deepEqual([made, provider, tried], ['made on cpu', 'cpu', ['tensorrt', 'cuda', 'cpu']]);
  assert.deepEqual(
    skipped.map((one) => one.provider),
    ['tensorrt', 'cuda'],
  );
  assert.match(skipped[0]?.reason ?? '', /score 4, expected 1/);
  assert.match(skipped[1]?.fix ?? '', /nvidia-smi/);
});

test('a provider that is not in the list is never tried', async () => {
  const { tried, attempt } = scripted({ tensorrt: WRONG, cuda: NO_DEVICE });
  await assert.rejects(
    climb({ providers: ['tensorrt', 'cuda'] }, attempt),
    fault(
      'SG_PROVIDER_UNAVAILABLE',
      /none of .*\ntensorrt: score 4, expected 1\. Fix: .*\ncuda: there is no NVIDIA GPU/,
    ),
  );
  assert.deepEqual(tried, ['tensorrt', 'cuda']);
  await assert.rejects(climb({ providers: [] }, attempt), fault('SG_PROVIDER_UNAVAILABLE', /name one/));
});

test('the provider that is required serves, or none does, with the reason and the fix', async () => {
  const options = { providers: ['tensorrt', 'cuda', 'cpu'], require: 'cuda' } as const;
  const good = scripted({});
  assert.deepEqual((await climb(options, good.attempt)).made, 'made on cuda');
  assert.deepEqual(good.tried, ['cuda']);
  const bad = scripted({ cuda: NO_DEVICE });
  await assert.rejects(
    climb(options, bad.attempt),
    fault(
      'SG_PROVIDER_UNAVAILABLE',
      /require asks for cuda.*tensorrt and cpu may not .*\ncuda: there is no .*Fix: check/,
    ),
  );
  assert.deepEqual(bad.tried, ['cuda']);
});

test('what is the model’s fault on any provider ends the search', async () => {
  for (const code of ['SG_MODEL_UNREADABLE', 'SG_MODEL_INVALID'] as const) {
    const { tried, attempt } = scripted({ tensorrt: new SideglanceError(code, 'bad model') });
    await assert.rejects(climb({ providers: ['tensorrt', 'cpu'] }, attempt), fault(code, /^bad model$/));
    assert.deepEqual(tried, ['tensorrt']);
  }
  const { attempt } = scripted({ cuda: NO_DEVICE, cpu: WRONG });
  await assert.rejects(climb({ providers: ['cuda', 'cpu'] }, attempt), fault('SG_MODEL_GOLDEN_MISMATCH', /score 4/));
});
