import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import { reasonOf, SideglanceError } from '../errors.js';

export interface EmbeddedBroker {
  /** `mqtt://host:port`; give it to the session with `protocolVersion: 4`. */
  readonly url: string;
  readonly port: number;
  /** Closes every connection and the port. */
  stop(): Promise<void>;
}

/**
 * Starts the broker that sideglance brings along: MQTT 3.1.1, in memory, no users. It is for a first look and for
 * tests; keep it on loopback. Port 0 takes a free one.
 * @throws SideglanceError SG_BROKER when the port cannot be had, naming it and its key in the configuration
 */
export async function startEmbeddedBroker(options: {
  readonly port: number;
  readonly host?: string | undefined;
}): Promise<EmbeddedBroker> {
  const host = options.host ?? '127.0.0.1';
  const aedes = await Aedes.createBroker({
    // Messages for a client that is away would pile up in memory without a bound: every session is a clean one.
    preConnect: (_client, packet, proceed) => {
      packet.clean = true;
      proceed(null, true);
    },
  });
  // A client that speaks nonsense is its own problem; aedes has closed its connection.
  aedes.on('clientError', () => {});
  aedes.on('connectionError', () => {});

  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    aedes.handle(socket);
  });
  const closeBroker = () => new Promise<void>((done) => aedes.close(() => done()));
  try {
    server.listen(options.port, host);
    await once(server, 'listening');
  } catch (cause) {
    await closeBroker();
    throw new SideglanceError('SG_BROKER', whyNot(cause, host, options.port), { cause });
  }
  // From here on it can only be a connection that was not accepted (no file descriptor left): the client tries again.
  server.on('error', () => {});
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : options.port;
  return {
    url: `mqtt://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    async stop() {
      const closed = new Promise<void>((done) => server.close(() => done()));
      await closeBroker();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function whyNot(thrown: unknown, host: string, port: number): string {
  const where = `the embedded broker cannot listen on ${host}:${port}`;
  switch ((thrown as { code?: unknown }).code) {
    case 'EADDRINUSE':
      return (
        `${where}: the port is taken. Set mqtt.embedded.port to a free one, ` +
        `stop what uses it (\`ss -ltnp 'sport = :${port}'\` names it), or set mqtt.url to use that broker`
      );
    case 'EACCES':
      return `${where}: the port needs more rights. Set mqtt.embedded.port to one above 1023`;
    case 'EADDRNOTAVAIL':
      return `${where}: this computer has no such address. Correct mqtt.embedded.host`;
    default:
      return `${where}: ${reasonOf(thrown)}. Correct mqtt.embedded.host and mqtt.embedded.port`;
  }
}
