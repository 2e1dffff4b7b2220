import type { InferConfig } from '../config/schema.js';
import { reasonOf } from '../errors.js';
import { runtimeFacts } from '../infer/ort/runtime.js';
import { type Provider, Session } from '../infer/ort/session.js';
import { encodeModel } from '../onnx/codec.js';
import { model, node, value } from '../onnx/model.js';
import type { Check } from './doctor.js';

export function runtimeCheck(library: string | undefined): Check {
  return {
    name: 'ONNX Runtime',
    fix:
      library === undefined ? 'npm ci' : 'correct `infer.library`, or remove it to use the library that npm installed',
    async run() {
      const { version, path, providers } = runtimeFacts(library);
      const names = providers.map((name) => name.replace(/ExecutionProvider$/, '')).join(', ');
      return { state: 'ok', text: `${version}, ${path}, compiled for ${names}` };
    },
  };
}

/**
 * Whether each provider that the configuration names really computes. One that does not is a failure only when no
 * later one stands in for it.
 */
export function providerChecks({ providers, library }: Pick<InferConfig, 'providers' | 'library'>): Check[] {
  return providers.map((provider, i) => {
    const fallback = providers[i + 1];
    return {
      name: `provider ${provider}`,
      fix: providerFix(provider),
      async run() {
        try {
          await tryProvider(provider, library);
          return { state: 'ok', text: 'computes' };
        } catch (thrown) {
          const text = `does not run: ${reasonOf(thrown)}`;
          if (fallback === undefined) return { state: 'fail', text, fix: providerFix(provider) };
          return { state: 'warn', text: `${text}\n${fallback} is used instead`, fix: providerFix(provider) };
        }
      },
    };
  });
}

function providerFix(provider: Provider): string {
  if (provider === 'cpu') return 'npm ci';
  return (
    `set \`infer.library\` to a libonnxruntime.so that is built for ${provider} (its libonnxruntime_providers_*.so ` +
    `beside it), or take ${provider} out of \`infer.providers\``
  );
}

/** Loads and runs the least model that computes something. */
async function tryProvider(provider: Provider, library: string | undefined): Promise<void> {
  const bytes = encodeModel(
    model({
      name: 'doctor',
      inputs: [value('x', 'float32', [4])],
      outputs: [value('y', 'float32', [4])],
      initializers: [],
      nodes: [node('Add', ['x', 'x'], ['y'])],
    }),
  );
  const session = await Session.create(bytes, { providers: [provider], ...(library === undefined ? {} : { library }) });
  try {
    const { y } = await session.runOnce({ x: { type: 'float32', shape: [4], data: Float32Array.of(1, 2, 3, 4) } });
    if (String(y?.data) !== '2,4,6,8') throw new Error(`it computed 1+1, 2+2, 3+3, 4+4 as ${y?.data}`);
  } finally {
    await session.close();
  }
}
