import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Packet } from 'mqtt-packet';
import mqttPacket from 'mqtt-packet';
import { closeAtTheEnd } from '../../support/leftovers.js';
import { type DecodedPayload, decodePayload } from './decode.js';

/** A packet that the edge node sent, in the order of the wire. */
export interface Sent {
  readonly packet: Packet;
  /** Counts connections from 0. */
  readonly connection: number;
  /** What the test was about when it passed. */
  readonly phase: string;
  readonly atMs: number;
  /** Of a PUBLISH: the part of the topic that names the message, and what is in it. */
  readonly verb: string | null;
  readonly device: string | null;
  readonly payload: DecodedPayload | null;
}

/** The wire between edge node and broker: reads along what the edge node sends, and can be cut. */
export class WireTap {
  readonly sent: Sent[] = [];
  phase = 'start';
  url = '';
  #connections = 0;
  #isBlocked = false;
  readonly #sockets = new Set<Socket>();

  static async open(port: number): Promise<WireTap> {
    const tap = new WireTap();
    const server = createServer((near) => tap.#join(near, connect(port, '127.0.0.1')));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    tap.url = `mqtt://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
    closeAtTheEnd(async () => {
      tap.cut();
      await new Promise<void>((done) => server.close(() => done()));
    });
    return tap;
  }

  /** Both ends see their connection break. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Cuts, and lets nobody through until `mend`. */
  block(): void {
    this.#isBlocked = true;
    this.cut();
  }

  mend(): void {
    this.#isBlocked = false;
  }

  /** PUBLISH packets of a kind, or all of them. */
  published(verb?: string): (Sent & { readonly payload: DecodedPayload; readonly verb: string })[] {
    return this.sent.flatMap((sent) =>
      sent.payload !== null && sent.verb !== null && (verb === undefined || sent.verb === verb)
        ? [{ ...sent, payload: sent.payload, verb: sent.verb }]
        : [],
    );
  }

  of<Cmd extends Packet['cmd']>(cmd: Cmd): (Sent & { readonly packet: Extract<Packet, { cmd: Cmd }> })[] {
    return this.sent.filter(({ packet }) => packet.cmd === cmd) as (Sent & {
      readonly packet: Extract<Packet, { cmd: Cmd }>;
    })[];
  }

  #join(near: Socket, far: Socket): void {
    if (this.#isBlocked) {
      near.destroy();
      far.destroy();
      return;
    }
    const connection = this.#connections++;
    let parser: ReturnType<typeof mqttPacket.parser> | null = null;
    near.on('data', (chunk) => {
      // The version stands behind the name of the protocol, in the first packet: 00 04 M Q T T, version.
      parser ??= mqttPacket.parser({ protocolVersion: chunk[chunk.indexOf('MQTT') + 4] ?? 4 });
      if (parser.listenerCount('packet') === 0) parser.on('packet', (packet) => this.#note(packet, connection));
      parser.parse(chunk);
      far.write(chunk);
    });
    far.on('data', (chunk) => near.write(chunk));
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.end();
      });
    }
  }

  #note(packet: Packet, connection: number): void {
    const topic = packet.cmd === 'publish' ? packet.topic.split('/') : null;
    const payload = packet.cmd === 'publish' ? decodePayload(packet.payload as Buffer) : null;
    const [verb, device] = [topic?.[2] ?? null, topic?.[4] ?? null];
    this.sent.push({ packet, connection, phase: this.phase, atMs: performance.now(), verb, device, payload });
  }
}
