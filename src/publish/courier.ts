import { EventEmitter } from 'node:events';
import { SideglanceError } from '../errors.js';
import { Mail, type MailCounters } from './mail.js';
import type { Outbox } from './outbox/outbox.js';
import type { DropReason, MessageClass, Offer, StoredMessage } from './outbox/types.js';
import { type Packet, packetBytes } from './packet.js';
import type { MqttSession, SessionState } from './session.js';
import { Suspicion } from './suspicion.js';
import type { Settlement } from './window.js';

/**
 * Makes a packet of what the outbox offers. `stored`: it comes later than it was made. `maxBytes`: the result should
 * not be larger where that can be helped.
 */
export type PacketWriter = (offer: Offer, stored: boolean, maxBytes: number) => Packet;

/** Makes a packet with a picture smaller, its payload to so many bytes at most. Null: it cannot be made as small. */
export type PacketShrinker = (packet: Packet, maxPayloadBytes: number) => Promise<Packet | null>;

/** What the properties of a picture that was made smaller may take more. */
const MORE_PROPERTY_BYTES = 128;

/** While a picture is made smaller nothing that comes after it in its stream may go ahead of it. */
const WHILE_SHRINKING: readonly MessageClass[] = ['verdict'];

type ValueState = 'waiting' | 'under way' | 'delivered';

/**
 * Carries messages from the outbox to the session: retained values first, then what the outbox offers, as far as the
 * window has room, and hands the answers back.
 *
 * A picture that is larger than the broker takes is made smaller; so is one for which it ends every connection without a
 * word, by half each time. A picture that even then ends them is dropped, a verdict made as small as it goes and kept.
 */
export class Courier extends EventEmitter<{
  refused: [SideglanceError];
  /** The broker has acknowledged a message that was sent as soon as it was made. */
  delivered: [StoredMessage];
  idle: [];
}> {
  readonly #session: MqttSession;
  readonly #outbox: Outbox;
  readonly #write: PacketWriter;
  readonly #mail = new Mail();
  readonly #values = new Map<string, { packet: Packet; state: ValueState }>();
  readonly #shrink: PacketShrinker;
  readonly #suspicion = new Suspicion();
  readonly #refusals = new Set<string>();
  #underWay = 0;
  /** Under suspicion: sent when nothing else is under way, and nothing else until it is settled. */
  #suspect: Offer | null = null;
  /** A picture that is made smaller, and the result, once it is there. It counts as under way. */
  #shrinking: { readonly offer: StoredMessage; packet: Packet | null } | null = null;
  #shrunk = 0;
  #scheduled = false;

  constructor(session: MqttSession, outbox: Outbox, write: PacketWriter, shrink: PacketShrinker) {
    super();
    this.#session = session;
    this.#outbox = outbox;
    this.#write = write;
    this.#shrink = shrink;
    session.on('state', (state) => this.#follow(state));
    session.on('room', () => this.#schedule());
    outbox.onOfferable(() => this.#schedule());
  }

  /** Pictures that were delivered smaller than they were made. */
  get shrunk(): number {
    return this.#shrunk;
  }

  /** Publishes a retained value, now or as soon as there is a connection; only the newest of a topic is kept. */
  setValue(packet: Packet): void {
    this.#values.set(packet.topic, { packet, state: 'waiting' });
    this.#schedule();
  }

  /** Publishes a message that is kept in memory only, ahead of what the outbox holds. */
  post(packet: Packet): void {
    this.#mail.add(packet);
    this.#schedule();
  }

  get mailCounters(): MailCounters {
    return this.#mail.counters();
  }

  /** Waits until everything is acknowledged, for so long at most; not at all while the broker is away. */
  async drain(timeoutMs: number): Promise<void> {
    const giveUpAt = performance.now() + timeoutMs;
    for (let leftMs = timeoutMs; leftMs > 0; leftMs = giveUpAt - performance.now()) {
      const { state } = this.#session.state;
      if (this.#isIdle() || state === 'offline' || state === 'stopped') return;
      await new Promise<void>((done) => {
        const timer = setTimeout(() => this.emit('idle'), leftMs);
        this.once('idle', () => {
          clearTimeout(timer);
          done();
        });
      });
    }
  }

  #isIdle(): boolean {
    if (this.#scheduled || this.#session.inFlight > 0) return false;
    if ([...this.#values.values()].some(({ state }) => state !== 'delivered')) return false;
    return this.#mail.waiting === 0 && this.#outbox.waiting === 0;
  }

  #follow({ state }: SessionState): void {
    if (state === 'online') {
      this.#outbox.turnLate();
      this.#refusals.clear();
      // A broker that lost its memory has lost the retained values with it.
      for (const value of this.#values.values()) value.state = 'waiting';
      this.#schedule();
    } else {
      this.#stopShrinking();
      this.emit('idle');
    }
  }

  get #announcedBytes(): number {
    const { state } = this.#session;
    return (state.state === 'online' ? state.maxPacketBytes : null) ?? Number.POSITIVE_INFINITY;
  }

  /** All that is stored in one turn is looked at together, so that a verdict goes ahead of its pictures. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    for (const value of this.#values.values()) {
      if (!this.#session.hasRoom) return;
      if (value.state === 'waiting') this.#sendValue(value);
    }
    this.#pumpMail();
    this.#pumpOutbox();
    if (this.#session.inFlight === 0) this.emit('idle');
  }

  #pumpMail(): void {
    // What is under suspicion goes alone.
    while (this.#session.hasRoom && !this.#suspect) {
      const packet = this.#mail.take();
      if (!packet) return;
      this.#sendMail(packet);
    }
  }

  #sendMail(packet: Packet): void {
    const { state } = this.#session;
    const most = state.state === 'online' ? state.maxPacketBytes : null;
    if (most !== null && packetBytes(packet) > most) {
      this.#mail.settled(false);
      return;
    }
    this.#session.publish(packet, (settlement) => {
      // What the broker may have ended the connection for is not sent again.
      if (settlement.outcome === 'lost' && !settlement.byBroker) this.#mail.putBack(packet);
      else this.#mail.settled(settlement.outcome === 'acknowledged');
      if (settlement.outcome === 'refused') this.#reportRefusal(packet.topic, settlement.text);
      this.#schedule();
    });
  }

  #pumpOutbox(): void {
    while (this.#session.hasRoom) {
      if (this.#shrinking?.packet) {
        this.#sendShrunk(this.#shrinking.offer, this.#shrinking.packet);
        continue;
      }
      if (this.#suspect && this.#underWay > 0) return;
      const offer = this.#suspect ?? this.#outbox.next(this.#shrinking ? WHILE_SHRINKING : undefined);
      if (!offer) return;
      if (this.#suspicion.hasToGoAlone(offer)) {
        this.#suspect = offer;
        if (this.#underWay > 0) return;
      }
      if (!this.#sendOffer(offer)) return;
    }
  }

  #sendValue(value: { packet: Packet; state: ValueState }): void {
    const { topic } = value.packet;
    const maxBytes = this.#announcedBytes;
    if (packetBytes(value.packet) > maxBytes) {
      value.state = 'delivered';
      this.#reportRefusal(topic, `it takes packets of at most ${maxBytes} bytes`, 'raise its limit');
      return;
    }
    value.state = 'under way';
    this.#session.publish(value.packet, (settlement) => {
      // A newer value of the topic is a new object and waits already.
      value.state = 'delivered';
      if (settlement.outcome === 'refused') this.#reportRefusal(topic, settlement.text);
      this.#schedule();
    });
  }

  /** Returns false when the session had to be given up. */
  #sendOffer(offer: Offer): boolean {
    const isPoison = this.#suspicion.isPoison(offer);
    const announced = this.#announcedBytes;
    const packet = this.#write(offer, this.#outbox.isLate(offer), isPoison ? 0 : announced);
    const bytes = packetBytes(packet);
    const fits = bytes <= announced;
    if (offer.kind === 'gap') {
      if (fits && !isPoison) this.#transmit(offer, packet, bytes);
      else this.#reject(offer, 'refused');
    } else if (offer.messageClass !== 'verdict') {
      this.#sendPicture(offer, packet, bytes, isPoison);
    } else if (fits) {
      this.#transmit(offer, packet, bytes);
    } else {
      this.#giveUp(`takes packets of at most ${announced} bytes, too few for a verdict: raise its limit`);
      return false;
    }
    return true;
  }

  #sendPicture(offer: StoredMessage, packet: Packet, bytes: number, isPoison: boolean): void {
    const broker = this.#session.broker.text;
    if (isPoison && !this.#suspicion.learn(offer, broker)) {
      this.#reject(offer, 'refused');
      return;
    }
    const maxBytes = Math.min(this.#announcedBytes, this.#suspicion.takes(broker));
    if (bytes > maxBytes) this.#makeSmaller(offer, packet, maxBytes);
    else this.#transmit(offer, packet, bytes);
  }

  #transmit(offer: Offer, packet: Packet, bytes: number): void {
    this.#underWay++;
    const leftMs = this.#outbox.leftMs(offer);
    const expirySeconds = leftMs === null ? undefined : Math.max(1, Math.ceil(leftMs / 1000));
    const isLive = offer.kind === 'message' && !this.#outbox.isLate(offer);
    this.#session.publish({ ...packet, expirySeconds }, (settlement) => {
      if (isLive && settlement.outcome === 'acknowledged') this.emit('delivered', offer);
      this.#settle(offer, packet.topic, bytes, settlement);
    });
  }

  #makeSmaller(offer: StoredMessage, packet: Packet, maxBytes: number): void {
    const job: { readonly offer: StoredMessage; packet: Packet | null } = { offer, packet: null };
    this.#shrinking = job;
    this.#underWay++;
    const overhead = packetBytes(packet) - packet.payload.byteLength + MORE_PROPERTY_BYTES;
    const settle = (smaller: Packet | null) => {
      // Else the connection is gone, and it will be offered again.
      if (this.#shrinking !== job) return;
      job.packet = smaller;
      if (smaller === null) {
        this.#shrinking = null;
        this.#underWay--;
        this.#reject(offer, 'tooLarge');
      }
      this.#schedule();
    };
    this.#shrink(packet, maxBytes - overhead).then(settle, () => settle(null));
  }

  #sendShrunk(offer: StoredMessage, packet: Packet): void {
    this.#shrinking = null;
    this.#underWay--;
    this.#shrunk++;
    this.#transmit(offer, packet, packetBytes(packet));
  }

  #stopShrinking(): void {
    if (!this.#shrinking) return;
    this.#shrinking = null;
    this.#underWay--;
    if (this.#underWay === 0) this.#rewind();
  }

  #reject(offer: Offer, reason: DropReason): void {
    this.#forget(offer);
    this.#outbox.reject(offer.id, reason);
  }

  #settle(offer: Offer, topic: string, bytes: number, settlement: Settlement): void {
    this.#underWay--;
    switch (settlement.outcome) {
      case 'acknowledged':
        this.#forget(offer);
        this.#outbox.acknowledge(offer.id);
        break;
      case 'refused':
        this.#reportRefusal(topic, settlement.text);
        if (offer.kind === 'message' && offer.messageClass === 'verdict') {
          // Verdicts are what we are here for: none is thrown away because of a rule that somebody can correct.
          this.#giveUp(`refuses verdicts on ${topic} (${settlement.text}): correct its access rules`);
          return;
        }
        this.#reject(offer, 'refused');
        break;
      case 'lost':
        this.#lose(offer, bytes, settlement.byBroker);
        return;
    }
    this.#schedule();
  }

  #forget(offer: Offer): void {
    this.#suspicion.forget(offer);
    if (this.#suspect?.id === offer.id) this.#suspect = null;
  }

  #lose(offer: Offer, bytes: number, byBroker: boolean): void {
    if (byBroker) this.#suspicion.lost(offer, bytes);
    // With the last of this connection, everything that was under way is known to be lost.
    if (this.#underWay === 0) this.#rewind();
  }

  #rewind(): void {
    this.#suspect = null;
    this.#outbox.rewind();
  }

  #giveUp(what: string): void {
    this.#session.fail(new SideglanceError('SG_BROKER', `the MQTT broker at ${this.#session.broker.text} ${what}`));
    // Nothing else may have been under way, and then no loss is reported.
    this.#rewind();
  }

  #reportRefusal(topic: string, text: string, fix = 'correct its access rules'): void {
    if (this.#refusals.has(topic)) return;
    this.#refusals.add(topic);
    const message = `the MQTT broker at ${this.#session.broker.text} refuses ${topic} (${text}): ${fix}`;
    this.emit('refused', new SideglanceError('SG_BROKER', message));
  }
}
