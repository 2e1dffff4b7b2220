import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditLog } from '../../src/commands/audit-log.js';
import { CommandDesk, type CommandWork, type DeskOptions } from '../../src/commands/desk.js';
import { COMMAND_NAMES, type CommandName, type CommandsConfig, CommandsSchema } from '../../src/config/commands.js';
import type { SideglanceError } from '../../src/errors.js';
import {
  type AnswerMessage,
  type AuditMessage,
  answerSchema,
  auditSchema,
} from '../../src/publish/command-messages.js';
import type { IncomingMessage } from '../../src/publish/inbox.js';
import type { Packet } from '../../src/publish/packet.js';
import { DEVICE, ROOT } from '../publish/support/inspections.js';
import { closeAtTheEnd } from '../publish/support/leftovers.js';

export const EVERYTHING = Object.fromEntries(COMMAND_NAMES.map((name) => [name, 'always']));

export function commandsConfig(more: object = {}): CommandsConfig {
  const folder = mkdtempSync(join(tmpdir(), 'sideglance-commands-'));
  closeAtTheEnd(async () => rmSync(folder, { recursive: true, force: true }));
  return { ...CommandsSchema.parse({ enabled: true, allow: EVERYTHING }), folder, ...more };
}

/** Something was carried out. */
export interface Done {
  readonly name: CommandName;
  readonly station: string | null;
  readonly id: string;
  readonly wanted: Readonly<Record<string, unknown>>;
}

export interface TestDesk {
  readonly desk: CommandDesk;
  readonly config: CommandsConfig;
  readonly done: Done[];
  readonly packets: Packet[];
  readonly faults: SideglanceError[];
  /** Moved by hand: milliseconds since 2025-03-01T06:15:00Z, and of the monotonic clock. */
  clockMs: number;
  clockSynced: boolean;
  /** What carrying out a command does; answers with what was wanted unless it is replaced. */
  act: (done: Done) => Promise<object>;
  /** Sends a message and waits until it is dealt with; returns what was answered meanwhile. */
  send(command: string, payload?: unknown, more?: Partial<IncomingMessage>): Promise<AnswerMessage[]>;
  audit(): AuditMessage['event'][];
  answers(): AnswerMessage[];
}

export function testDesk(config = commandsConfig(), options: Partial<DeskOptions> = {}): TestDesk {
  const done: Done[] = [];
  const packets: Packet[] = [];
  const faults: SideglanceError[] = [];
  const audits = () =>
    packets.filter(({ topic }) => topic === `${ROOT}/audit`).map((packet) => auditSchema.parse(json(packet)));
  const answers = () =>
    packets.filter(({ topic }) => topic !== `${ROOT}/audit`).map((packet) => answerSchema.parse(json(packet)));
  const work = Object.fromEntries(
    COMMAND_NAMES.map((name) => [
      name,
      async (wanted: Readonly<Record<string, unknown>>, station: string | null, id: string) => {
        const one = { name, station, id, wanted };
        done.push(one);
        return it.act(one);
      },
    ]),
  ) as unknown as CommandWork;
  const it: TestDesk = {
    config,
    done,
    packets,
    faults,
    clockMs: 0,
    clockSynced: true,
    act: async ({ wanted }) => ({ wanted }),
    desk: new CommandDesk({
      device: DEVICE,
      topics: { root: ROOT, answer: `${ROOT}/answer`, audit: `${ROOT}/audit` },
      config,
      stations: ['top', 'side'],
      work,
      log: new AuditLog(config.folder),
      post: (packet) => packets.push(packet),
      now: () => ({
        utc: new Date(Date.parse('2025-03-01T06:15:00.000Z') + it.clockMs).toISOString(),
        monotonicMs: it.clockMs,
      }),
      clockSynced: () => it.clockSynced,
      onFault: (error) => faults.push(error),
      ...options,
    }),
    async send(command, payload = {}, more = {}) {
      const before = answers().length;
      await it.desk.handle(incoming(command, payload, more));
      return answers().slice(before);
    },
    audit: () => audits().map(({ event }) => event),
    answers,
  };
  return it;
}

/** @param command below the root, as in `command/report` or `top/command/trigger`; without a slash: to the device */
export function incoming(command: string, payload: unknown = {}, more: Partial<IncomingMessage> = {}): IncomingMessage {
  const bytes =
    payload instanceof Uint8Array
      ? payload
      : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  return {
    topic: command.includes('/') ? `${ROOT}/${command}` : `${ROOT}/command/${command}`,
    payload: bytes,
    retain: false,
    responseTopic: null,
    correlation: null,
    hasExpiry: false,
    ...more,
  };
}

function json({ payload }: Packet): unknown {
  return JSON.parse(Buffer.from(payload).toString());
}
