import { type CommandName, STATION_COMMANDS, type StationCommandName } from '../config/commands.js';

export const COMMAND_LIMITS = {
  /** Larger payloads are refused unread. */
  maxPayloadBytes: 16 * 1024,
  /** Correlation data that is longer is neither an id nor given back. */
  maxCorrelationBytes: 128,
  /** Of an unknown command, and of a topic, so much is kept for the audit. */
  keptNameLength: 64,
  keptTopicLength: 256,
  /** Answers that are longer are not kept over a restart: reports, which may be asked for again. */
  maxKeptAnswer: 8 * 1024,
  /** Commands under way at once; one more is refused. */
  maxUnderWay: 32,
  /** A burst of so many seconds' worth of a rate is let through, of 5 commands at least. */
  burstSeconds: 10,
  leastBurst: 5,
} as const;

export interface CommandKind {
  /** Of those with one name, one is under way for a station at a time; null: any number. */
  readonly group: string | null;
  /**
   * Changes nothing that lasts: carried out also where the audit cannot be written, and written down when it is over, not
   * before.
   */
  readonly isLight: boolean;
  /** May wait at the broker for devices to come: it says the same however often it is heard. */
  readonly mayBeRetained: boolean;
  /** Longest time to the answer. What takes longer is answered as not known to have ended. */
  readonly withinMs: number;
}

const MINUTE_MS = 60_000;
const lasting = (group: string | null, withinMs = MINUTE_MS): CommandKind => ({
  group,
  isLight: false,
  mayBeRetained: false,
  withinMs,
});
const light = (group: string | null, withinMs: number): CommandKind => ({
  group,
  isLight: true,
  mayBeRetained: false,
  withinMs,
});

/** How each command is treated, whoever sent it. */
export const COMMAND_KINDS: Readonly<Record<CommandName, CommandKind>> = {
  // The station itself says which trigger is one too many: each asks for a part, and every part gets its answer.
  trigger: light(null, 2 * MINUTE_MS),
  snapshot: light('snapshot', MINUTE_MS),
  threshold: lasting('threshold'),
  calibrate: lasting('threshold', 62 * MINUTE_MS),
  camera: lasting('camera'),
  pause: lasting('run'),
  resume: lasting('run'),
  restart: lasting('run'),
  report: light('report', MINUTE_MS),
  // Several wait for one another elsewhere, and none of them keeps a rollback from being done. An engine may have to be built.
  'model.install': { ...lasting(null, 120 * MINUTE_MS), mayBeRetained: true },
  'model.activate': lasting('model.activate', 120 * MINUTE_MS),
  'model.rollback': lasting('model', 5 * MINUTE_MS),
  'model.confirm': lasting('model'),
};

const OF_STATIONS: ReadonlySet<string> = new Set(STATION_COMMANDS);

export function isStationCommand(command: CommandName): command is StationCommandName {
  return OF_STATIONS.has(command);
}
