import { EventEmitter } from 'node:events';
import { SideglanceError } from '../errors.js';
import type { Outbox } from './outbox/outbox.js';
import type { Offer } from './outbox/types.js';
import { type Packet, packetBytes } from './packet.js';
import type { MqttSession, SessionState } from './session.js';
import type { Settlement } from './window.js';

/**
 * Makes a packet of what the outbox offers. `stored`: it comes later than it was made. `maxBytes`: the result should
 * not be larger where that can be helped; null is no limit.
 */
export type PacketWriter = (offer: Offer, stored: boolean, maxBytes: number | null) => Packet;

const LIMITS = {
  /** Times a message may be under way when the broker ends the connection, before it goes alone. */
  lossesUntilAlone: 2,
  /** And altogether, the last times alone, before it counts as the reason. */
  lossesUntilPoison: 5,
  /** Messages whose losses are remembered; the oldest are forgotten first. */
  lossesRemembered: 256,
} as const;

type ValueState = 'waiting' | 'under way' | 'delivered';

/**
 * Carries messages from the outbox to the session: retained values first, then what the outbox offers, as far as the
 * window has room, and hands the answers back.
 *
 * Some brokers do not say what is too large for them and just close the connection, also when the same message comes
 * again. A message that was under way more than once when the broker closed therefore goes alone, and when it still
 * ends every connection it is dropped (a verdict is made as small as it goes and kept).
 */
export class Courier extends EventEmitter<{ refused: [SideglanceError]; idle: [] }> {
  readonly #session: MqttSession;
  readonly #outbox: Outbox;
  readonly #write: PacketWriter;
  readonly #values = new Map<string, { packet: Packet; state: ValueState }>();
  /** By the id of the offer: how often the broker ended the connection while it was under way. */
  readonly #losses = new Map<number, number>();
  readonly #refusals = new Set<string>();
  #underWay = 0;
  /** Under suspicion: sent when nothing else is under way, and nothing else until it is settled. */
  #suspect: Offer | null = null;
  #scheduled = false;

  constructor(session: MqttSession, outbox: Outbox, write: PacketWriter) {
    super();
    this.#session = session;
    this.#outbox = outbox;
    this.#write = write;
    session.on('state', (state) => this.#follow(state));
    session.on('room', () => this.#schedule());
    outbox.onOfferable(() => this.#schedule());
  }

  /** Publishes a retained value, now or as soon as there is a connection; only the newest of a topic is kept. */
  setValue(packet: Packet): void {
    this.#values.set(packet.topic, { packet, state: 'waiting' });
    this.#schedule();
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
    return this.#outbox.waiting === 0;
  }

  #follow({ state }: SessionState): void {
    if (state === 'online') {
      this.#outbox.turnLate();
      this.#refusals.clear();
      // A broker that lost its memory has lost the retained values with it.
      for (const value of this.#values.values()) value.state = 'waiting';
      this.#schedule();
    } else {
      this.emit('idle');
    }
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
    this.#pumpOutbox();
    if (this.#session.inFlight === 0) this.emit('idle');
  }

  #pumpOutbox(): void {
    while (this.#session.hasRoom) {
      if (this.#suspect && this.#underWay > 0) return;
      const offer = this.#suspect ?? this.#outbox.next();
      if (!offer) return;
      if ((this.#losses.get(offer.id) ?? 0) >= LIMITS.lossesUntilAlone) {
        this.#suspect = offer;
        if (this.#underWay > 0) return;
      }
      if (!this.#sendOffer(offer)) return;
    }
  }

  #sendValue(value: { packet: Packet; state: ValueState }): void {
    value.state = 'under way';
    this.#session.publish(value.packet, (settlement) => {
      // A newer value of the topic is a new object and waits already.
      value.state = 'delivered';
      if (settlement.outcome === 'refused') this.#reportRefusal(value.packet.topic, settlement.text);
      this.#schedule();
    });
  }

  /** Returns false when the session had to be given up. */
  #sendOffer(offer: Offer): boolean {
    const { state } = this.#session;
    const announced = state.state === 'online' ? state.maxPacketBytes : null;
    const isPoison = (this.#losses.get(offer.id) ?? 0) >= LIMITS.lossesUntilPoison;
    const packet = this.#write(offer, this.#outbox.isLate(offer), isPoison ? 0 : announced);
    const isVerdict = offer.kind === 'message' && offer.messageClass === 'verdict';
    if (announced !== null && packetBytes(packet) > announced) {
      if (isVerdict) {
        this.#giveUp(`takes packets of at most ${announced} bytes, too few for a verdict: raise its limit`);
        return false;
      }
      this.#forget(offer);
      this.#outbox.reject(offer.id, 'tooLarge');
      return true;
    }
    if (isPoison && !isVerdict) {
      this.#forget(offer);
      this.#outbox.reject(offer.id, 'refused');
      return true;
    }
    this.#underWay++;
    this.#session.publish(packet, (settlement) => this.#settle(offer, packet.topic, settlement));
    return true;
  }

  #settle(offer: Offer, topic: string, settlement: Settlement): void {
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
        this.#forget(offer);
        this.#outbox.reject(offer.id, 'refused');
        break;
      case 'lost':
        this.#lose(offer, settlement.byBroker);
        return;
    }
    this.#schedule();
  }

  #forget(offer: Offer): void {
    this.#losses.delete(offer.id);
    if (this.#suspect?.id === offer.id) this.#suspect = null;
  }

  #lose(offer: Offer, byBroker: boolean): void {
    if (byBroker) {
      const losses = (this.#losses.get(offer.id) ?? 0) + 1;
      this.#losses.delete(offer.id);
      this.#losses.set(offer.id, losses);
      for (const id of this.#losses.keys()) {
        if (this.#losses.size <= LIMITS.lossesRemembered) break;
        this.#losses.delete(id);
      }
    }
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

  #reportRefusal(topic: string, text: string): void {
    if (this.#refusals.has(topic)) return;
    this.#refusals.add(topic);
    const message = `the MQTT broker at ${this.#session.broker.text} refuses ${topic} (${text}): correct its access rules`;
    this.emit('refused', new SideglanceError('SG_BROKER', message));
  }
}
