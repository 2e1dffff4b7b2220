import type { LOG_MODULES } from '../config/service.js';

/**
 * Every event of the log: stable names, so that queries may rely on them. The first part of a name is its module, for
 * which a level can be set. `docs/monitoring-reference.md` is generated from here.
 */
export const EVENTS = {
  'agent.started': 'The daemon has started.',
  'agent.ready': 'Every station inspects, or is known not to: the service manager was told.',
  'agent.stuck': 'The processes of these stations can neither go on nor be ended: the service manager will start anew.',
  'agent.stopping': 'It was told to stop, by this signal.',
  'agent.stopped': 'It has stopped; `undelivered` messages were left.',
  'alarm.raised': 'Scores have drifted, or more is rejected than is normal.',
  'alarm.cleared': 'They are as they were.',
  'alarm.memory': 'What the alarms have learnt cannot be read or kept.',
  'broker.state': 'The connection to the broker changes.',
  'broker.fault':
    'Something about the connection should be mended, and it goes on meanwhile: TLS files that cannot take the place of the old.',
  'broker.refused': 'The broker takes the connection and refuses a topic.',
  'camera.state': 'A camera changes its state.',
  'command.dropped':
    'A change that a command made no longer holds: the configuration was edited, or the command is not allowed any more.',
  'command.fault': 'The audit log or changed settings cannot be read or kept.',
  'http.fault': '`/metrics` or `/health` could not be answered.',
  'log.levels': 'Levels were read again from the configuration.',
  'log.levels-kept': 'The configuration has faults: the levels stay as they were.',
  'log.repeated': 'So many further events of this name, and of this station and code, were left out.',
  'model.confirmed': 'A model has ended its probation well, or somebody said so: it is the last good one.',
  'model.found': 'A bundle lies in the watched folder as a whole, and is installed.',
  'model.left-alone': 'Something lies in the watched folder that is no bundle.',
  'model.not-moved': 'A bundle of the watched folder was dealt with and cannot be moved to `done` or `refused`.',
  'model.rolled-back':
    'A model failed its probation, for this reason: the last good one is active again, and it is barred.',
  'model.promoted': 'A model takes over as it was planned.',
  'model.not-promoted': 'A model does not take over although it was planned, for this reason: the one before goes on.',
  'model.shadowed':
    'A model has looked at as many parts as it was to, and waits for its time, or for somebody who makes it active.',
  'model.unchanged': 'A probation could not be ended, or a plan carried out, in the store; it is tried again.',
  'model.unreported': 'Reports of updates cannot be kept over a restart.',
  'model.unknown': 'What is active of a model in the store cannot be told: its stations go on as they are.',
  'model.update': 'An update has come to another phase, as the message `update` has it.',
  'outbox.alarm': 'Something is wrong with the store of messages.',
  'outbox.mended': 'All is well with it again.',
  'part.answered': 'A part has its verdict (level debug).',
  'part.late': 'A part had no verdict at its deadline.',
  'part.late-verdict': 'A verdict came after its part had been answered as late.',
  'part.lost': 'A part was under way when its station ended.',
  'part.overrun': 'A station accepts parts and does not answer them.',
  'part.refused': 'A trigger that became no part of the station was answered by the agent.',
  'part.unannounced': 'A verdict on a part that was never announced.',
  'sparkplug.alarm': 'Something is wrong with the store of what waits for a Sparkplug host.',
  'sparkplug.malformed': 'A Sparkplug host sent what cannot be understood.',
  'sparkplug.mended': 'All is well with that store again.',
  'sparkplug.state': 'The Sparkplug session changes.',
  'station.started': 'A station process was started.',
  'station.building': 'It builds an engine, or waits for another one to be built.',
  'station.provider-skipped': 'An execution provider that was to be tried first is not used.',
  'station.ready': 'It has loaded its model.',
  'station.fallback': 'A model that it would rather run does not load: it runs the last good one, or one before it.',
  'station.switched': 'Between two parts another model has taken over.',
  'station.switch-refused':
    'The model that was to take over does not load or does not prove itself: the one before goes on.',
  'station.shadow-begun': 'A model looks at the parts beside the one in use, and decides about none.',
  'station.shadow-over': 'It has looked at as many as it was to, or for as long, with these results.',
  'station.shadow-refused': 'The model that was to look at parts as well does not load or does not prove itself.',
  'station.ended': 'A station process has ended, for this reason.',
  'station.restarting': 'It is started again after this delay.',
  'station.failed': 'It failed too often, or in a way that only a person can mend, and is tried seldom from now on.',
  'station.fault': 'It reports an error.',
  'station.malformed': 'Something came out of it that is no message of a station.',
  'station.stderr': 'A line that native code printed.',
} as const;

export type EventName = keyof typeof EVENTS;
export type LogModule = (typeof LOG_MODULES)[number];

export function moduleOf(event: EventName): LogModule {
  return event.slice(0, event.indexOf('.')) as LogModule;
}
