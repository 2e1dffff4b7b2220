import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpConfig } from '../config/schema.js';
import { reasonOf, SideglanceError } from '../errors.js';

export const HTTP_LIMITS = {
  /** Drop policy "newest is refused". */
  maxConnections: 32,
  /** A client that is slower is cut off. */
  requestWithinMs: 5_000,
  /** Longer than the usual 15 s between two scrapes, which then share a connection. */
  keepAliveMs: 65_000,
} as const;

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** What a path answers; the query is no part of it. */
export type Routes = Readonly<Record<string, () => Promise<Answer>>>;

export interface HttpOptions extends HttpConfig {
  readonly routes: Routes;
  /** An answer that could not be given. */
  readonly onFault: (path: string, thrown: unknown) => void;
}

/** A small HTTP server that only ever reads: GET and HEAD, no body, no state. */
export class HttpServer {
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** @throws SideglanceError SG_HTTP when it cannot listen there */
  static async listen(options: HttpOptions): Promise<HttpServer> {
    const server = createServer(
      { requestTimeout: HTTP_LIMITS.requestWithinMs, headersTimeout: HTTP_LIMITS.requestWithinMs },
      (request, response) => void respond(request, response, options),
    );
    server.maxConnections = HTTP_LIMITS.maxConnections;
    server.keepAliveTimeout = HTTP_LIMITS.keepAliveMs;
    const { host, port } = options;
    await new Promise<void>((listening, fail) => {
      server.once('error', (cause) => fail(cannotListen(host, port, cause)));
      server.listen(port, host, listening);
    });
    return new HttpServer(server);
  }

  /** Cuts off whoever is still connected. */
  async close(): Promise<void> {
    const closed = new Promise<void>((done) => this.#server.close(() => done()));
    this.#server.closeAllConnections();
    await closed;
  }
}

function cannotListen(host: string, port: number, cause: Error): SideglanceError {
  const text = `cannot serve metrics and health on ${host}:${port} (${cause.message}): choose another http.port or http.host`;
  return new SideglanceError('SG_HTTP', text, { cause });
}

async function respond(request: IncomingMessage, response: ServerResponse, options: HttpOptions): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0] as string;
  const { status, contentType, body } = await answerTo(request.method ?? '', path, options);
  response.statusCode = status;
  response.setHeader('content-type', contentType);
  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  if (status === 405) response.setHeader('allow', 'GET, HEAD');
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function answerTo(method: string, path: string, { routes, onFault }: HttpOptions): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'only GET and HEAD');
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (route === undefined) return plain(404, `there is ${Object.keys(routes).join(', ')}`);
  try {
    return await route();
  } catch (thrown) {
    onFault(path, thrown);
    return plain(500, reasonOf(thrown));
  }
}

function plain(status: number, text: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${text}\n` };
}
