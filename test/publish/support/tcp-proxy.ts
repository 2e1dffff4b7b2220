import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { closeAtTheEnd } from './leftovers.js';

/** A wire between publisher and broker that can be cut, and that can go dead without either end being told. */
export interface TcpProxy {
  readonly url: string;
  /** Both ends see their connection break. */
  cut(): void;
  /** Cuts and lets nobody through until `mend`. */
  block(): void;
  /** Cuts; new connections are taken, and nothing passes on them. */
  swallow(): void;
  mend(): void;
  /** How many have been taken. */
  readonly connections: number;
  /** Nothing passes any more, and nobody is told: a half-open connection. New connections pass. */
  freeze(): void;
  close(): Promise<void>;
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  let pairs = new Set<readonly [Socket, Socket]>();
  let isBlocked = false;
  let isSwallowing = false;
  let connections = 0;
  const frozen = new Set<Socket>();
  const swallowed = new Set<Socket>();
  const server = createServer((near) => {
    if (isBlocked) {
      near.destroy();
      return;
    }
    connections++;
    if (isSwallowing) {
      near.on('error', () => {});
      near.resume();
      swallowed.add(near);
      return;
    }
    const far = connect(targetPort, '127.0.0.1');
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('error', () => {});
      from.on('data', (chunk) => {
        if (!frozen.has(from)) to.write(chunk);
      });
      from.on('close', () => {
        if (frozen.has(from)) return;
        pairs.delete(pair);
        to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const cut = () => {
    for (const [near, far] of pairs) {
      frozen.delete(near);
      frozen.delete(far);
      near.destroy();
      far.destroy();
    }
    pairs = new Set();
  };
  const proxy: TcpProxy = {
    url: `mqtt://127.0.0.1:${port}`,
    cut,
    block() {
      isBlocked = true;
      cut();
    },
    swallow() {
      isBlocked = false;
      isSwallowing = true;
      cut();
    },
    mend() {
      isBlocked = false;
      isSwallowing = false;
    },
    get connections() {
      return connections;
    },
    freeze() {
      for (const pair of pairs) for (const socket of pair) frozen.add(socket);
    },
    async close() {
      cut();
      for (const socket of [...frozen, ...swallowed]) socket.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
  closeAtTheEnd(proxy.close);
  return proxy;
}
