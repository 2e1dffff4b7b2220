import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { closeAtTheEnd } from '../../publish/support/leftovers.js';

export interface FileServer {
  readonly url: string;
  /** The requests so far: method, path, and the header fields that downloads are about. */
  readonly seen: { readonly path: string; readonly range: string | null; readonly authorization: string | null }[];
}

/** A server on a free port of 127.0.0.1. */
export async function serve(answer: RequestListener, tls?: TlsOptions): Promise<FileServer> {
  const seen: FileServer['seen'] = [];
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const { range = null, authorization = null } = request.headers;
    seen.push({ path: request.url ?? '', range, authorization });
    answer(request, response);
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  return { url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${await listen(server)}`, seen };
}

/** Knows ranges and entity tags, as RFC 9110 §13.1.5 and §14 have them. */
export function sendFile(
  bytes: Buffer,
  {
    request,
    response,
    tag = null,
    breakAfter = Number.POSITIVE_INFINITY,
  }: {
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly tag?: string | null;
    /** So many bytes are sent, and the connection stays as it is until somebody breaks it, or breaks off by itself. */
    readonly breakAfter?: number;
  },
): void {
  const { range, 'if-range': ifRange } = request.headers;
  const asked = /^bytes=(\d+)-$/.exec(range ?? '');
  const holds = asked !== null && (ifRange === undefined || ifRange === tag);
  const start = holds ? Number(asked[1]) : 0;
  if (tag !== null) response.setHeader('etag', tag);
  if (holds && start >= bytes.byteLength) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.byteLength}` }).end();
    return;
  }
  const body = bytes.subarray(start);
  response.writeHead(holds ? 206 : 200, {
    'content-length': body.byteLength,
    ...(holds && { 'content-range': `bytes ${start}-${bytes.byteLength - 1}/${bytes.byteLength}` }),
  });
  if (body.byteLength <= breakAfter) response.end(body);
  else response.write(body.subarray(0, breakAfter), () => setTimeout(() => response.destroy(), 2_000));
}

export interface Proxy {
  readonly url: string;
  /** `CONNECT host:port` or `GET http://…`, and the authorization that came with it. */
  readonly seen: string[];
}

/** A proxy of the plainest kind: tunnels by CONNECT, and asks for whole addresses itself. */
export async function startProxy(): Promise<Proxy> {
  const seen: string[] = [];
  const note = (request: IncomingMessage) => {
    seen.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trimEnd());
  };
  const server = createServer((request, response) => {
    note(request);
    const { host, pathname } = new URL(request.url ?? '');
    const [name = '', port] = host.split(':');
    const onward = connect(Number(port), name, () => onward.write(`GET ${pathname} HTTP/1.0\r\nHost: ${host}\r\n\r\n`));
    onward.pipe(response.socket as Socket);
  });
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    note(request);
    const [name = '', port] = (request.url ?? '').split(':');
    const onward = connect(Number(port), name, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  return { url: `http://127.0.0.1:${await listen(server)}`, seen };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  closeAtTheEnd(async () => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as { port: number }).port;
}
