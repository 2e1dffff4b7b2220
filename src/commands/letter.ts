import { COMMAND_NAMES, type CommandName } from '../config/commands.js';
import { type ErrorCode, reasonOf, SideglanceError } from '../errors.js';
import { ID_PATTERN } from '../publish/command-messages.js';
import type { IncomingMessage } from '../publish/inbox.js';
import { COMMAND_KINDS, COMMAND_LIMITS } from './table.js';

/** What a topic asks for; nobody has said yet that it may be had. */
export interface Address {
  /** As the topic has it, shortened. */
  readonly command: string;
  /** Null: there is no such command. */
  readonly name: CommandName | null;
  /** Null: the topic of the device. */
  readonly station: string | null;
}

/** A message that was opened: who asks for what, and where the answer goes. */
export interface Letter {
  readonly fields: Readonly<Record<string, unknown>>;
  /** For people. */
  readonly id: string | null;
  /** For comparing: an id in the payload is never the same as correlation data. */
  readonly idKey: string | null;
  readonly replyTo: string;
  readonly correlation: Uint8Array | null;
  /** It says until when it holds. */
  readonly expires: boolean;
  /** Why it is refused; nothing but where the answer goes counts then. */
  readonly fault: SideglanceError | null;
}

export interface ReplyRule {
  /** Where answers go that name no topic. */
  readonly answer: string;
  /** Topics that answers may go to, each with all below it. */
  readonly allowed: readonly string[];
}

const KNOWN: ReadonlySet<string> = new Set(COMMAND_NAMES);
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** `<root>/command/<name>` or `<root>/<station>/command/<name>`. */
export function addressOf(topic: string, root: string): Address {
  const levels = topic.startsWith(`${root}/`) ? topic.slice(root.length + 1).split('/') : [];
  const station = levels.length === 3 ? (levels[0] ?? null) : null;
  const isCommand = levels.length >= 2 && levels.length <= 3 && levels.at(-2) === 'command';
  const command = isCommand ? (levels.at(-1) ?? '') : topic;
  return {
    command: command.slice(0, COMMAND_LIMITS.keptNameLength),
    name: isCommand && KNOWN.has(command) ? (command as CommandName) : null,
    station,
  };
}

/** Never throws: what is wrong with it is its `fault`. */
export function openLetter(message: IncomingMessage, name: CommandName | null, rule: ReplyRule): Letter {
  const correlation =
    message.correlation !== null && message.correlation.byteLength <= COMMAND_LIMITS.maxCorrelationBytes
      ? message.correlation
      : null;
  const read = readFields(message, name);
  const fields = read instanceof SideglanceError ? {} : read;
  const asked = message.responseTopic ?? (typeof fields.respondTo === 'string' ? fields.respondTo : null);
  const mayReply = asked === null || isAllowed(asked, rule);
  const ids = read instanceof SideglanceError ? idFrom(undefined, correlation) : idFrom(fields.id, correlation);
  return {
    fields,
    ...ids,
    replyTo: asked !== null && mayReply ? asked : rule.answer,
    correlation,
    expires: message.hasExpiry || fields.expires !== undefined || fields.sent !== undefined,
    fault: read instanceof SideglanceError ? read : (correlationFault(message) ?? (mayReply ? null : replyFault(rule))),
  };
}

function readFields(message: IncomingMessage, name: CommandName | null): Record<string, unknown> | SideglanceError {
  const read = readObject(message.payload);
  if (read instanceof SideglanceError && read.code === 'SG_COMMAND_TOO_LARGE') return read;
  if (message.retain && (name === null || !COMMAND_KINDS[name].mayBeRetained)) {
    const text = 'it was published with the retain flag, and would be carried out again and again: publish it without';
    return fault('SG_COMMAND_RETAINED', text);
  }
  return read;
}

/** The JSON object that a message is; an empty one is `{}`. Never throws. */
export function readObject(payload: Uint8Array): Record<string, unknown> | SideglanceError {
  const { maxPayloadBytes } = COMMAND_LIMITS;
  if (payload.byteLength > maxPayloadBytes) {
    return fault('SG_COMMAND_TOO_LARGE', `${payload.byteLength} bytes, but a command has ${maxPayloadBytes} at most`);
  }
  if (payload.byteLength === 0) return {};
  try {
    const value: unknown = JSON.parse(UTF8.decode(payload));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    return fault('SG_COMMAND_MALFORMED', 'the payload is not a JSON object: write {…}, or nothing at all');
  } catch (cause) {
    return fault('SG_COMMAND_MALFORMED', `the payload is not JSON in UTF-8: ${shown(reasonOf(cause))}`);
  }
}

function correlationFault({ correlation }: IncomingMessage): SideglanceError | null {
  const { maxCorrelationBytes } = COMMAND_LIMITS;
  if (correlation === null || correlation.byteLength <= maxCorrelationBytes) return null;
  return fault('SG_COMMAND_MALFORMED', `the correlation data is longer than ${maxCorrelationBytes} bytes`);
}

function replyFault({ allowed }: ReplyRule): SideglanceError {
  const where = allowed.map((topic) => `${topic}/…`).join(', ');
  return fault(
    'SG_COMMAND_FORBIDDEN',
    `the answer may go to ${where} only: choose such a topic, or see commands.respondTo`,
  );
}

/** MQTT 5 §4.7: a name without wildcards, under a topic that is allowed. `$` marks topics of the broker. */
function isAllowed(topic: string, { allowed }: ReplyRule): boolean {
  if (Buffer.byteLength(topic) > COMMAND_LIMITS.keptTopicLength || /[+#\p{Cc}\p{Cs}]/u.test(topic)) return false;
  return allowed.some((below) => topic === below || topic.startsWith(`${below}/`));
}

function idFrom(given: unknown, correlation: Uint8Array | null): Pick<Letter, 'id' | 'idKey'> {
  // One that breaks the rules is the schema's to refuse; it is not shown.
  if (typeof given === 'string') return ID_PATTERN.test(given) ? { id: given, idKey: `id ${given}` } : NO_ID;
  if (given !== undefined || correlation === null || correlation.byteLength === 0) return NO_ID;
  const text = Buffer.from(correlation).toString('latin1');
  const hex = Buffer.from(correlation).toString('hex');
  return { id: ID_PATTERN.test(text) ? text : hex, idKey: `correlation ${hex}` };
}

const NO_ID = { id: null, idKey: null } as const;

function fault(code: ErrorCode, message: string): SideglanceError {
  return new SideglanceError(code, message);
}

/** V8 quotes the text that it could not read. */
function shown(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 120);
}
