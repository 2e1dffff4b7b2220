import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** How a wire treats what comes: lets it through, swallows it, lets it trickle, or refuses connections. */
export type WireState = 'open' | 'frozen' | 'slow' | 'refusing';

/** A wire between the device and the broker. */
export interface Wire {
  readonly port: number;
  /**
   * `frozen`: nothing passes any more on the connections that there are, and nobody is told (half-open). `refusing`:
   * those that there are break too.
   */
  set(state: WireState): void;
  close(): Promise<void>;
}

const SLOW = { bytes: 2_000, everyMs: 50 } as const;

/** @param host where the device finds it */
export async function startWire(brokerPort: number, host: string): Promise<Wire> {
  let state: WireState = 'open';
  const pairs = new Set<readonly [Socket, Socket]>();
  const frozen = new Set<Socket>();
  const cut = () => {
    for (const sockets of pairs) for (const socket of sockets) socket.destroy();
    pairs.clear();
  };

  const pass = async (from: Socket, to: Socket): Promise<void> => {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.byteLength; ) {
        const size = state === 'slow' ? SLOW.bytes : chunk.byteLength;
        if (frozen.has(from)) break;
        if (!to.write(chunk.subarray(at, at + size))) await Promise.race([once(to, 'drain'), once(to, 'close')]);
        at += size;
        if (state === 'slow') await new Promise((done) => setTimeout(done, SLOW.everyMs));
      }
    }
  };

  const server = createServer((near) => {
    near.on('error', () => {});
    if (state === 'refusing') {
      near.resetAndDestroy();
      return;
    }
    const far = connect(brokerPort, '127.0.0.1');
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('error', () => {});
      from.on('close', () => {
        pairs.delete(pair);
        if (!frozen.delete(from)) to.destroy();
      });
      // A connection that breaks ends the loop with an error; `close` follows and takes the other side with it.
      pass(from, to).catch(() => {});
    }
  });
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    set(next) {
      state = next;
      if (next === 'refusing') cut();
      if (next === 'frozen') for (const sockets of pairs) for (const socket of sockets) frozen.add(socket);
    },
    async close() {
      cut();
      for (const socket of frozen) socket.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}
