import type { InferConfig } from '../config/schema.js';
import { libraryPath } from '../infer/ort/api.js';
import { explainFailure } from '../infer/ort/explain.js';
import { runtimeFacts } from '../infer/ort/runtime.js';
import { type Provider, Session } from '../infer/ort/session.js';
import { encodeModel } from '../onnx/codec.js';
import { model, node, value } from '../onnx/model.js';
import type { Check } from './doctor.js';

export function runtimeCheck(library: string | undefined): Check {
  return {
    name: 'ONNX Runtime',
    fix: libraryFix(library),
    async run() {
      const { version, path, providers } = runtimeFacts(library);
      const names = providers.map((name) => name.replace(/ExecutionProvider$/, '')).join(', ');
      return { state: 'ok', text: `${version}, ${path}, compiled for ${names}` };
    },
  };
}

function libraryFix(library: string | undefined): string {
  if (library !== undefined) return 'correct `infer.library`, or remove it to use the library that npm installed';
  return process.env.ORT_LIB ? 'correct ORT_LIB, or unset it to use the library that npm installed' : 'npm ci';
}

/**
 * Whether each provider that the configuration names really computes. One that does not is a failure only when it is
 * required, or no later one stands in for it.
 */
export function providerChecks(infer: Pick<InferConfig, 'providers' | 'require' | 'library'>): Check[] {
  const { providers, require, library } = infer;
  return providers.map((provider, i) => {
    const fallback = providers[i + 1];
    return {
      name: `provider ${provider}`,
      fix: `take ${provider} out of \`infer.providers\``,
      async run() {
        try {
          await tryProvider(provider, library);
          return { state: 'ok', text: 'computes' };
        } catch (thrown) {
          const { reason, fix } = explainFailure(provider, thrown, libraryPath(library));
          const text = `does not run: ${reason}`;
          if (require === provider) return { state: 'fail', text: `${text}\nand infer.require asks for it`, fix };
          if (require === undefined && fallback === undefined) return { state: 'fail', text, fix };
          return { state: 'warn', text: `${text}\n${require ?? fallback} is used instead`, fix };
        }
      },
    };
  });
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
  const session = await Session.create(bytes, { provider, ...(library === undefined ? {} : { library }) });
  try {
    const { y } = await session.runOnce({ x: { type: 'float32', shape: [4], data: Float32Array.of(1, 2, 3, 4) } });
    if (String(y?.data) !== '2,4,6,8') throw new Error(`it computed 1+1, 2+2, 3+3, 4+4 as ${y?.data}`);
  } finally {
    await session.close();
  }
}
