import { reasonOf, SideglanceError } from '../errors.js';
import type { AnswerMessage, AuditMessage } from '../publish/command-messages.js';
import type { DeviceIdentity } from '../publish/messages.js';
import { encodeJson, JSON_CONTENT, type Packet } from '../publish/packet.js';
import type { Timestamp } from '../types.js';
import type { AuditLog } from './audit-log.js';
import type { Address, Letter } from './letter.js';

/** Who sent a command. */
export interface Sender {
  readonly origin: AuditMessage['origin'];
  /** Takes the answer; null: it goes to the topic that the letter names. */
  readonly take: ((answer: string) => void) | null;
}

/** A message on its way through the desk. */
export interface Case {
  readonly sender: Sender;
  /** Shortened. */
  readonly topic: string;
  readonly address: Address;
  /** Null: the device, or nobody knows yet. */
  readonly station: string | null;
  readonly letter: Letter;
  readonly received: Timestamp;
}

export type Ended =
  | { readonly outcome: 'done'; readonly result: Readonly<Record<string, unknown>> }
  | { readonly outcome: 'refused' | 'failed'; readonly error: SideglanceError };

/** By which a command is recognised after a restart. */
export interface Kept {
  readonly key: string;
  readonly digest: string;
  readonly answer?: string;
}

export interface PaperworkOptions {
  readonly device: DeviceIdentity;
  readonly topics: { readonly answer: string; readonly audit: string };
  readonly log: AuditLog;
  readonly post: (packet: Packet) => void;
  readonly now: () => Timestamp;
  readonly clockSynced: () => boolean;
  /** Something that only the log can be told. */
  readonly onFault: (error: SideglanceError) => void;
}

/** What the desk writes: answers to whoever asked, and the audit, on the disk and on its topic. */
export class Paperwork {
  readonly #options: PaperworkOptions;

  constructor(options: PaperworkOptions) {
    this.#options = options;
  }

  answerTo({ address, station, letter, received }: Case, ended: Ended): string {
    const { device, now, clockSynced } = this.#options;
    const isDone = ended.outcome === 'done';
    const message: AnswerMessage = {
      schema: 'sideglance/answer/1',
      device,
      command: address.command,
      station,
      id: letter.id,
      outcome: ended.outcome,
      code: isDone ? null : ended.error.code,
      message: isDone ? null : ended.error.message,
      result: isDone ? ended.result : null,
      received,
      answered: now(),
      clockSynced: clockSynced(),
    };
    return JSON.stringify(message);
  }

  send({ sender, letter: { replyTo, correlation } }: Case, answer: string): void {
    if (sender.take !== null) {
      sender.take(answer);
      return;
    }
    const payload = Buffer.from(answer);
    this.#options.post({
      topic: replyTo,
      payload,
      contentType: JSON_CONTENT,
      retain: false,
      properties: null,
      correlation,
    });
  }

  /**
   * Before the work: on the disk, safely, before this settles.
   * @throws SideglanceError SG_STORAGE: what cannot be written down is not done
   */
  async begin(opened: Case, kept: Kept | null): Promise<void> {
    const record = this.#record(opened, 'begun', null, 1);
    this.#options.log.append({ ...record, ...kept });
    await this.#options.log.sync();
    this.#publish(record);
  }

  /** @param commands how many messages it stands for */
  note(
    opened: Case,
    event: AuditMessage['event'],
    error: SideglanceError | null,
    kept: Kept | null = null,
    commands = 1,
  ): void {
    const record = this.#record(opened, event, error, commands);
    try {
      this.#options.log.append({ ...record, ...kept });
    } catch (thrown) {
      this.#options.onFault(asError(thrown));
    }
    this.#publish(record);
  }

  /** What was noted outlives a power cut. */
  async keep(): Promise<void> {
    await this.#options.log.sync().catch((thrown: unknown) => this.#options.onFault(asError(thrown)));
  }

  #publish(record: AuditMessage): void {
    const { post, topics } = this.#options;
    post({
      topic: topics.audit,
      payload: encodeJson(record),
      contentType: JSON_CONTENT,
      retain: false,
      properties: null,
    });
  }

  #record(
    { sender, topic, address, station, letter }: Case,
    event: AuditMessage['event'],
    error: SideglanceError | null,
    commands: number,
  ): AuditMessage {
    const { device, now, clockSynced, topics } = this.#options;
    const isShown = letter.fault === null && event !== 'refused' && event !== 'ignored';
    return {
      schema: 'sideglance/audit/1',
      device,
      event,
      command: address.command,
      station,
      id: event === 'ignored' ? null : letter.id,
      origin: sender.origin,
      topic,
      respondTo: letter.replyTo === topics.answer ? null : letter.replyTo,
      request: isShown ? letter.fields : null,
      code: error?.code ?? null,
      message: error?.message ?? null,
      commands,
      at: now(),
      clockSynced: clockSynced(),
    };
  }
}

export function asError(thrown: unknown): SideglanceError {
  if (thrown instanceof SideglanceError) return thrown;
  return new SideglanceError('SG_COMMAND_FAILED', reasonOf(thrown), { cause: thrown });
}
