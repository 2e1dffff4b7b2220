import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Agent, type Dispatcher, ProxyAgent, request } from 'undici';
import type { DownloadConfig } from '../../config/model-download.js';
import { reasonOf, SideglanceError } from '../../errors.js';
import { AllowedUrls, shownUrl } from './allowed-urls.js';
import type { DownloadLimits } from './limits.js';
import { proxyFor } from './proxy.js';

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export interface Answer {
  readonly status: number;
  header(name: string): string | null;
  readonly body: AsyncIterable<Uint8Array>;
  /** Closes the connection, whatever is still to come. */
  close(): Promise<void>;
}

/**
 * Asks for an address, and for what it leads on to, on connections of their own.
 *
 * @throws SideglanceError `SG_BUNDLE_URL` for an address that is not allowed, wherever it came from; `SG_BUNDLE_DOWNLOAD` for
 * what a further attempt does not change. Whatever else goes wrong with a network is thrown as it comes.
 */
export async function get(
  address: string,
  headers: Readonly<Record<string, string>>,
  config: DownloadConfig,
  limits: DownloadLimits,
  signal: AbortSignal,
): Promise<Answer> {
  const allowed = new AllowedUrls(config.from);
  const first = allowed.check(address);
  const authorization = await authorizationOf(config);
  let url = first;
  for (let redirects = 0; ; redirects++) {
    const dispatcher = dispatcherFor(url, config, limits);
    try {
      // Who is led elsewhere has no right to know what the first may know.
      const known = authorization !== null && url.origin === first.origin;
      const answer = await request(url.href, {
        dispatcher,
        signal,
        headers: {
          ...headers,
          ...(known && { authorization }),
          'accept-encoding': 'identity',
          'user-agent': 'sideglance',
        },
      });
      const header = (name: string) => [answer.headers[name] ?? []].flat()[0] ?? null;
      const location = header('location');
      // Whoever reads it hears of it; between two reads, and after the last, nobody would.
      answer.body.on('error', () => {});
      if (!REDIRECTS.has(answer.statusCode) || location === null) {
        return { status: answer.statusCode, header, body: answer.body, close: () => dispatcher.destroy() };
      }
      if (redirects === limits.redirects) {
        throw new SideglanceError(
          'SG_BUNDLE_DOWNLOAD',
          `${shownUrl(first)} leads on more than ${redirects} times. Name the address of the bundle itself`,
        );
      }
      url = allowed.check(URL.canParse(location, url.href) ? new URL(location, url.href).href : location);
    } catch (thrown) {
      await dispatcher.destroy();
      throw thrown;
    }
    await dispatcher.destroy();
  }
}

function dispatcherFor(url: URL, { proxy, ca }: DownloadConfig, { connectMs, idleMs }: DownloadLimits): Dispatcher {
  const tls = { timeout: connectMs, ...(ca !== undefined && { ca: readFileSync(ca) }) };
  const common = { headersTimeout: idleMs, bodyTimeout: idleMs, connections: 1, pipelining: 1 };
  const uri = proxyFor(url, proxy);
  if (uri === null) return new Agent({ ...common, connect: tls });
  return new ProxyAgent({ ...common, uri, requestTls: tls, proxyTls: tls, proxyTunnel: false });
}

/** @throws SideglanceError `SG_BUNDLE_DOWNLOAD` */
async function authorizationOf({ authorizationFile: file }: DownloadConfig): Promise<string | null> {
  if (file === undefined) return null;
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new SideglanceError('SG_BUNDLE_DOWNLOAD', `\`models.download.authorizationFile\`: ${reasonOf(cause)}`, {
      cause,
    });
  });
  const line = text.replace(/\r?\n$/, '');
  if (/^[\x21-\x7e]+ [\x20-\x7e]+$/.test(line)) return line;
  throw new SideglanceError(
    'SG_BUNDLE_DOWNLOAD',
    `${file} is no line such as \`Bearer …\` or \`Basic …\`. Write what is to be sent as Authorization`,
  );
}
