import { SideglanceError } from '../../errors.js';
import type { ProviderFailure } from '../../types.js';
import { libraryPath } from './api.js';
import { explainFailure } from './explain.js';
import type { Provider } from './providers.js';

export interface LadderOptions {
  /** Providers in the order in which they are tried; `['cpu']` when left out. Nothing else is ever used. */
  readonly providers?: readonly Provider[];
  /** The one that must serve: the others are not tried in its place. */
  readonly require?: Provider;
  /** Path of a libonnxruntime.so; see `libraryPath`. */
  readonly library?: string;
  /** Called, when one serves, for each provider that was tried before it and does not. */
  readonly onSkipped?: (failure: ProviderFailure) => void;
}

/** What came of trying: the first attempt that went well, and why those before it did not. */
export interface Climbed<T> {
  readonly made: T;
  readonly provider: Provider;
  readonly skipped: readonly ProviderFailure[];
}

/**
 * Tries one provider after the other until an attempt goes well.
 *
 * @param attempt makes what is wanted on one provider and proves that it works; it leaves nothing behind when it throws
 * @throws SideglanceError `SG_PROVIDER_UNAVAILABLE` when none of them serves, naming for each the reason and the fix;
 * what `attempt` threw where the model is at fault, whatever runs it: unreadable, against its contract, or wrong on the
 * CPU, too
 */
export async function climb<T>(
  options: LadderOptions,
  attempt: (provider: Provider) => Promise<T>,
): Promise<Climbed<T>> {
  const { providers = ['cpu'], require } = options;
  const skipped: ProviderFailure[] = [];
  for (const provider of require === undefined ? providers : [require]) {
    try {
      const made = await attempt(provider);
      for (const failure of skipped) options.onSkipped?.(failure);
      return { made, provider, skipped };
    } catch (thrown) {
      if (provider === 'cpu' || isFaultOfTheModel(thrown)) throw thrown;
      skipped.push(explainFailure(provider, thrown, libraryPath(options.library)));
    }
  }
  throw new SideglanceError('SG_PROVIDER_UNAVAILABLE', noneServes(options, skipped));
}

/** `tensorrt: <reason>. Fix: <fix>`, one on each line. */
export function failureLines(failures: readonly ProviderFailure[]): string {
  return failures.map(({ provider, reason, fix }) => `${provider}: ${reason}. Fix: ${fix}`).join('\n');
}

function isFaultOfTheModel(thrown: unknown): boolean {
  return thrown instanceof SideglanceError && ['SG_MODEL_UNREADABLE', 'SG_MODEL_INVALID'].includes(thrown.code);
}

function noneServes({ providers = ['cpu'], require }: LadderOptions, failures: readonly ProviderFailure[]): string {
  const why = `\n${failureLines(failures)}`;
  if (require !== undefined) {
    const others = providers.filter((provider) => provider !== require);
    const instead = others.length > 0 ? `; ${others.join(' and ')} may not run it in its place` : '';
    return `infer.require asks for ${require}, which does not run the model${instead}:${why}`;
  }
  if (failures.length === 0) return 'no execution provider was asked for: name one in infer.providers';
  return `the model runs on none of the execution providers asked for (name cpu as the last of them to allow it):${why}`;
}
