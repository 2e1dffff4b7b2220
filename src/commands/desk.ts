import { createHash, randomUUID } from 'node:crypto';
import type { CommandName, CommandsConfig } from '../config/commands.js';
import { type ErrorCode, reasonOf, SideglanceError } from '../errors.js';
import { type AnswerMessage, COMMAND_SCHEMAS, type CommandOf, type ResultOf } from '../publish/command-messages.js';
import type { IncomingMessage } from '../publish/inbox.js';
import { encodeJson } from '../publish/packet.js';
import { latenessOf } from './lateness.js';
import { addressOf, openLetter, type ReplyRule } from './letter.js';
import { CommandMemory, type MemoryLimits } from './memory.js';
import { isAllowed } from './overrides.js';
import {
  asError,
  type Case,
  type Ended,
  type Kept,
  Paperwork,
  type PaperworkOptions,
  type Sender,
} from './paperwork.js';
import { Rates } from './rate.js';
import { COMMAND_KINDS, COMMAND_LIMITS, isStationCommand } from './table.js';

/** Carries commands out. Each settles when its work is done, or rejects and leaves everything as it was. */
export type CommandWork = {
  readonly [Name in CommandName]: (
    wanted: CommandOf<Name>,
    /** Null for commands to the device. */
    station: string | null,
    id: string,
  ) => Promise<ResultOf<Name>>;
};

export interface DeskOptions extends PaperworkOptions {
  readonly topics: PaperworkOptions['topics'] & { readonly root: string };
  readonly config: CommandsConfig;
  /** Names of the stations. */
  readonly stations: readonly string[];
  readonly work: CommandWork;
  readonly memory?: MemoryLimits;
}

export interface DeskCounters {
  /** Messages that came, also those that were not looked at. */
  received: number;
  begun: number;
  done: number;
  failed: number;
  refused: number;
  repeated: number;
  ignored: number;
}

const BY_MQTT: Sender = { origin: 'mqtt', take: null };

/** A command that may be carried out. */
interface Order {
  readonly name: CommandName;
  readonly station: string | null;
  readonly id: string;
  readonly key: string;
  readonly digest: string;
  readonly wanted: CommandOf<CommandName>;
}

/**
 * Where commands come in: whatever arrives is looked at, refused or carried out once, answered and written down. Nothing that
 * arrives makes it throw, and nothing is begun that is not a whole, allowed, timely and new command.
 */
export class CommandDesk {
  readonly counters: DeskCounters = {
    received: 0,
    begun: 0,
    done: 0,
    failed: 0,
    refused: 0,
    repeated: 0,
    ignored: 0,
  };
  readonly #options: DeskOptions;
  readonly #rates: Rates;
  readonly #reply: ReplyRule;
  readonly #memory: CommandMemory;
  readonly #paperwork: Paperwork;
  /** Groups of commands that are under way. */
  readonly #busy = new Set<string>();
  #underWay = 0;

  constructor(options: DeskOptions) {
    const { config, topics } = options;
    this.#options = options;
    this.#paperwork = new Paperwork(options);
    this.#rates = new Rates((name) => (name === 'trigger' ? config.triggersPerMinute : config.perMinute));
    this.#reply = { answer: topics.answer, allowed: [topics.answer, ...config.respondTo] };
    this.#memory = new CommandMemory(options.memory);
    for (const { key, digest, answer } of options.log.restore()) {
      if (typeof key !== 'string' || typeof digest !== 'string') continue;
      this.#memory.finish(key, digest, typeof answer === 'string' ? answer : null);
    }
  }

  /** Takes a message and returns; whatever comes of it is published. Never throws. */
  receive(message: IncomingMessage): void {
    this.handle(message).catch((thrown: unknown) => {
      const text = `a command could not be dealt with: ${reasonOf(thrown)}`;
      this.#options.onFault(new SideglanceError('SG_COMMAND_FAILED', text, { cause: thrown }));
    });
  }

  /**
   * A command that came on another way than the topics: the same rules hold for it, except that it cannot have waited at a
   * broker. Settles with its answer.
   *
   * @param station null: to the device
   * @throws SideglanceError SG_COMMAND_RATE when there are so many that they are not even looked at
   */
  async order(
    origin: Exclude<Sender['origin'], 'mqtt'>,
    name: CommandName,
    station: string | null,
    wanted: Readonly<Record<string, unknown>>,
  ): Promise<AnswerMessage> {
    let answer: AnswerMessage | null = null;
    const message: IncomingMessage = {
      topic: `${this.#options.topics.root}/${station === null ? '' : `${station}/`}command/${name}`,
      payload: encodeJson({ id: `${origin}-${randomUUID()}`, ...wanted }),
      retain: false,
      responseTopic: null,
      correlation: null,
      hasExpiry: true,
    };
    const take = (text: string) => {
      answer = JSON.parse(text) as AnswerMessage;
    };
    await this.handle(message, { origin, take });
    if (answer === null) throw fault('SG_COMMAND_RATE', 'there are too many of them: slow down');
    return answer;
  }

  /** As `receive`; settles when the message is dealt with. */
  async handle(message: IncomingMessage, sender: Sender = BY_MQTT): Promise<void> {
    this.counters.received++;
    const received = this.#options.now();
    const address = addressOf(message.topic, this.#options.topics.root);
    const admission = this.#rates.take(address.name, received.monotonicMs);
    if (admission === 'ignore') {
      this.counters.ignored++;
      return;
    }
    const letter = openLetter(message, address.name, this.#reply);
    const topic = message.topic.slice(0, COMMAND_LIMITS.keptTopicLength);
    const station = address.station?.slice(0, COMMAND_LIMITS.keptNameLength) ?? null;
    const opened: Case = { sender, topic, address, station, letter, received };
    const ignored = this.#rates.takeIgnored(address.name);
    if (ignored > 0) this.#paperwork.note(opened, 'ignored', null, null, ignored);
    if (admission === 'tell') {
      this.#refuse(
        opened,
        fault('SG_COMMAND_RATE', 'too many of them: those that follow are not even answered. Slow down'),
      );
      return;
    }
    await this.#decide(opened);
  }

  async #decide(opened: Case): Promise<void> {
    const asked = this.#whatAndWhere(opened);
    if (asked instanceof SideglanceError) return this.#refuse(opened, asked);
    const { name, station } = asked;
    const here: Case = { ...opened, station };
    if (!isAllowed(this.#options.config, name, station)) {
      const whom = station === null ? '' : ` for station ${station}`;
      return this.#refuse(here, fault('SG_COMMAND_FORBIDDEN', `${name} is not allowed${whom}: see commands.allow`));
    }
    const { idKey, id, replyTo, fields } = opened.letter;
    if (idKey === null || id === null) {
      const text = 'it has no id: give it correlation data (MQTT 5) or an `id` of 1 to 64 visible ASCII characters';
      return this.#refuse(here, fault('SG_COMMAND_MALFORMED', text));
    }
    const key = digestOf(replyTo, idKey);
    // What may change when it is sent once more does not make it another command.
    const { id: _id, station: _station, respondTo: _respondTo, expires: _expires, sent: _sent, ...wanted } = fields;
    const digest = digestOf(name, station ?? '', JSON.stringify(wanted));
    if (this.#repeats(here, key, digest)) return;
    const late = latenessOf(opened.letter, this.#options);
    if (late !== null) return this.#refuse(here, late);
    const parsed = COMMAND_SCHEMAS[name].safeParse(fields);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const where = issue?.path.join('.') ?? '';
      const text = `${where === '' ? '' : `${where}: `}${issue?.message ?? 'it does not fit its schema'}`;
      return this.#refuse(here, fault('SG_COMMAND_MALFORMED', text.slice(0, 300)));
    }
    await this.#carryOut(here, { name, station, id, key, digest, wanted: parsed.data });
  }

  #whatAndWhere({ address, letter }: Case): { name: CommandName; station: string | null } | SideglanceError {
    if (letter.fault !== null && letter.fault.code !== 'SG_COMMAND_RETAINED') return letter.fault;
    const { name, station: inTopic } = address;
    if (name === null) {
      const known = Object.keys(COMMAND_KINDS).join(', ');
      return fault('SG_COMMAND_UNKNOWN', `there is no command ${shown(address.command)}: there are ${known}`);
    }
    if (letter.fault !== null) return letter.fault;
    const { stations } = this.#options;
    const { station: inPayload } = letter.fields;
    if (inPayload !== undefined && typeof inPayload !== 'string') {
      return fault('SG_COMMAND_MALFORMED', 'station: is not a text');
    }
    if (!isStationCommand(name)) {
      if (inTopic === null && inPayload === undefined) return { name, station: null };
      return fault('SG_COMMAND_MALFORMED', `${name} is a command to the device: leave the station out`);
    }
    if (inTopic !== null && inPayload !== undefined && inTopic !== inPayload) {
      return fault('SG_COMMAND_MALFORMED', 'topic and payload name two stations');
    }
    const station = inTopic ?? inPayload ?? (stations.length === 1 ? stations[0] : undefined);
    if (station === undefined) {
      return fault('SG_COMMAND_MALFORMED', `name a station (${stations.join(', ')}) in the topic or as \`station\``);
    }
    if (stations.includes(station)) return { name, station };
    return fault('SG_COMMAND_UNKNOWN', `there is no station ${shown(station)}: there are ${stations.join(', ')}`);
  }

  /** Whether it has come before; it gets the same answer then, which may still be on its way. */
  #repeats(opened: Case, key: string, digest: string): boolean {
    const known = this.#memory.find(key);
    if (known === null) return false;
    if (known.digest !== digest) {
      const text = 'another command had the same id: give each one of its own';
      this.#refuse(opened, fault('SG_COMMAND_REUSED', text));
      return true;
    }
    this.counters.repeated++;
    this.#paperwork.note(opened, 'repeated', null);
    if (known.state.kind === 'answered') this.#paperwork.send(opened, known.state.answer);
    else if (known.state.kind === 'interrupted') {
      const text =
        'it was begun before the agent was started anew, and may have been carried out or not: look, then send it with another id';
      const error = fault('SG_COMMAND_INTERRUPTED', text);
      this.#paperwork.send(opened, this.#paperwork.answerTo(opened, { outcome: 'failed', error }));
    }
    return true;
  }

  async #carryOut(opened: Case, order: Order): Promise<void> {
    const { name, station, key, digest } = order;
    const { group, isLight, withinMs } = COMMAND_KINDS[name];
    const lock = group === null ? null : `${station ?? ''}/${group}`;
    if ((lock !== null && this.#busy.has(lock)) || this.#underWay >= COMMAND_LIMITS.maxUnderWay) {
      const text = lock === null ? 'too many commands are under way' : `another ${group} command is under way`;
      return this.#refuse(opened, fault('SG_COMMAND_BUSY', `${text}: wait for its answer, then send it again`));
    }
    if (lock !== null) this.#busy.add(lock);
    this.#underWay++;
    this.#memory.begin(key, digest);
    const letGo = () => {
      this.#underWay--;
      if (lock !== null) this.#busy.delete(lock);
    };
    try {
      if (!isLight) await this.#paperwork.begin(opened, { key, digest });
    } catch (thrown) {
      letGo();
      this.#memory.forget(key);
      return this.#refuse(opened, asError(thrown));
    }
    this.counters.begun++;
    const work = this.#begin(order).finally(letGo);
    const ended = await within(withinMs, work);
    this.counters[ended.outcome]++;
    const answer = this.#paperwork.answerTo(opened, ended);
    this.#memory.finish(key, digest, answer);
    this.#paperwork.note(opened, ended.outcome, 'error' in ended ? ended.error : null, keptOf(order, answer));
    if (!isLight) await this.#paperwork.keep();
    this.#paperwork.send(opened, answer);
  }

  async #begin({ name, wanted, station, id }: Order): Promise<Record<string, unknown>> {
    // The schema of this very command has made `wanted`.
    const work = this.#options.work[name] as (
      wanted: CommandOf<CommandName>,
      station: string | null,
      id: string,
    ) => Promise<Record<string, unknown>>;
    return work(wanted, station, id);
  }

  #refuse(opened: Case, error: SideglanceError): void {
    this.counters.refused++;
    this.#paperwork.send(opened, this.#paperwork.answerTo(opened, { outcome: 'refused', error }));
    this.#paperwork.note(opened, 'refused', error);
  }
}

/** An answer that is too long to be kept on the disk is that of a question, which may be asked again. */
function keptOf({ key, digest }: Order, answer: string): Kept | null {
  return answer.length > COMMAND_LIMITS.maxKeptAnswer ? null : { key, digest, answer };
}

/** Never rejects. */
async function within(
  ms: number,
  work: Promise<Record<string, unknown>>,
): Promise<Ended & { outcome: 'done' | 'failed' }> {
  let timer: NodeJS.Timeout | undefined;
  const text = `it took longer than ${ms / 1000} s and may still be carried out: look before you send it again`;
  const bound = new Promise<never>((_, failed) => {
    timer = setTimeout(() => failed(fault('SG_COMMAND_TIMEOUT', text)), ms);
    // Nobody waits for a command at the end of the process.
    timer.unref();
  });
  try {
    return { outcome: 'done', result: await Promise.race([work, bound]) };
  } catch (thrown) {
    return { outcome: 'failed', error: asError(thrown) };
  } finally {
    clearTimeout(timer);
  }
}

function digestOf(...texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text).update('\0');
  return hash.digest('base64url').slice(0, 32);
}

function fault(code: ErrorCode, message: string): SideglanceError {
  return new SideglanceError(code, message);
}

/** What a stranger wrote, for a message. */
function shown(text: string): string {
  return JSON.stringify(text.slice(0, COMMAND_LIMITS.keptNameLength));
}
