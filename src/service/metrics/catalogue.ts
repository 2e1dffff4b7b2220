/**
 * Every metric that `/metrics` serves: the one source of the registry and of `docs/monitoring-reference.md`. Names and
 * units after the conventions of OpenMetrics: base units, `_total` for what only grows.
 *
 * Labels have few values: the names of the configuration's stations and regions, and the words of the message schemas.
 */

export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds, ascending; of histograms only. */
  readonly buckets?: readonly number[];
}

/** Seconds. None is a whole number: as the label `le` those would need a form of their own (OpenMetrics, canonical numbers). */
const SECONDS = [
  0.0005, 0.0015, 0.0025, 0.0045, 0.0075, 0.015, 0.025, 0.045, 0.075, 0.15, 0.25, 0.45, 0.75, 1.5, 4.5,
] as const;
/** Of the threshold, which itself lies between two bounds next to it. */
const SHARES_OF_THRESHOLD = [0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95, 0.9999, 1.25, 2.5] as const;

export const METRICS = {
  agentInfo: {
    type: 'gauge',
    name: 'sideglance_agent_info',
    help: 'Who this is; always 1.',
    labels: ['version', 'site', 'line', 'device'],
  },
  live: {
    type: 'gauge',
    name: 'sideglance_live',
    help: '1 while the agent and its stations make progress, as /health/live says.',
    labels: [],
  },
  ready: {
    type: 'gauge',
    name: 'sideglance_ready',
    help: '1 while every station can give verdicts and they reach the broker, as /health/ready says.',
    labels: [],
  },
  reasons: {
    type: 'gauge',
    name: 'sideglance_health_reasons',
    help: 'Reasons that /health gives, by their kind.',
    labels: ['reason'],
  },
  agentUptime: {
    type: 'gauge',
    name: 'sideglance_agent_uptime_seconds',
    help: 'Time since the agent started.',
    labels: [],
  },
  agentMemory: {
    type: 'gauge',
    name: 'sideglance_agent_resident_memory_bytes',
    help: 'Resident memory of the agent process.',
    labels: [],
  },
  agentLag: {
    type: 'gauge',
    name: 'sideglance_agent_event_loop_lag_seconds',
    help: 'Longest time that the agent did not answer within, since its last health message.',
    labels: [],
  },
  clockSynced: {
    type: 'gauge',
    name: 'sideglance_clock_synced',
    help: '1 while the wall clock is synchronised.',
    labels: [],
  },
  outputDropped: {
    type: 'counter',
    name: 'sideglance_output_dropped_total',
    help: 'Lines for the terminal (stdout) or the log (stderr) that found no room because nobody read.',
    labels: ['stream'],
  },
  stationState: {
    type: 'gauge',
    name: 'sideglance_station_state',
    help: '1 for the state that the station process is in, 0 for the others.',
    labels: ['station', 'state'],
  },
  stationInfo: {
    type: 'gauge',
    name: 'sideglance_station_info',
    help: 'What the station runs; always 1, absent while it runs nothing.',
    labels: ['station', 'model', 'provider', 'precision'],
  },
  stationBuilding: {
    type: 'gauge',
    name: 'sideglance_station_building_engine',
    help: '1 while an engine is built, or waited for, before the model can run.',
    labels: ['station'],
  },
  providersSkipped: {
    type: 'gauge',
    name: 'sideglance_station_providers_skipped',
    help: 'Execution providers that were to be tried first and do not run the model.',
    labels: ['station'],
  },
  restarts: {
    type: 'counter',
    name: 'sideglance_station_restarts_total',
    help: 'Times that the station process was started again.',
    labels: ['station'],
  },
  stationMemory: {
    type: 'gauge',
    name: 'sideglance_station_resident_memory_bytes',
    help: 'Resident memory of the station process; 0 while there is none.',
    labels: ['station'],
  },
  stationLag: {
    type: 'gauge',
    name: 'sideglance_station_event_loop_lag_seconds',
    help: 'Longest time that the station did not answer within, since its last report.',
    labels: ['station'],
  },
  cameraState: {
    type: 'gauge',
    name: 'sideglance_camera_state',
    help: '1 for the state that the camera is in, 0 for the others.',
    labels: ['station', 'state'],
  },
  framesSkipped: {
    type: 'counter',
    name: 'sideglance_frames_skipped_total',
    help: 'Frames that nobody looked at because a newer one had come.',
    labels: ['station'],
  },
  partsAccepted: {
    type: 'counter',
    name: 'sideglance_parts_accepted_total',
    help: 'Parts that the station began to work on.',
    labels: ['station'],
  },
  parts: {
    type: 'counter',
    name: 'sideglance_parts_total',
    help: 'Parts that were answered, by their verdict.',
    labels: ['station', 'verdict'],
  },
  partsInvalid: {
    type: 'counter',
    name: 'sideglance_parts_invalid_total',
    help: 'Parts that could not be judged, by the reason.',
    labels: ['station', 'reason'],
  },
  lateVerdicts: {
    type: 'counter',
    name: 'sideglance_late_verdicts_total',
    help: 'Verdicts that came after their part had been answered as late; none was sent.',
    labels: ['station'],
  },
  stageDuration: {
    type: 'histogram',
    name: 'sideglance_stage_duration_seconds',
    help: 'Time of each stage of a part: capture (the frame is taken and waits), crop, network, postprocess, encode, handover (from the station to the agent), publish (until the broker has acknowledged the verdict; without those that came late out of the store), total (from the capture to the answer).',
    labels: ['station', 'stage'],
    buckets: SECONDS,
  },
  regionVerdicts: {
    type: 'counter',
    name: 'sideglance_region_verdicts_total',
    help: 'Verdicts on regions.',
    labels: ['station', 'region', 'verdict'],
  },
  regionScore: {
    type: 'histogram',
    name: 'sideglance_region_score_ratio',
    help: 'Scores of regions, as shares of their threshold: from 1 on a region fails.',
    labels: ['station', 'region'],
    buckets: SHARES_OF_THRESHOLD,
  },
  regionThreshold: {
    type: 'gauge',
    name: 'sideglance_region_threshold',
    help: 'The score from which the region fails.',
    labels: ['station', 'region'],
  },
  alarm: {
    type: 'gauge',
    name: 'sideglance_alarm',
    help: '1 while the alarm is raised: score-high, score-low, reject-rate.',
    labels: ['station', 'region', 'alarm'],
  },
  alarmEvidence: {
    type: 'gauge',
    name: 'sideglance_alarm_evidence_ratio',
    help: 'Evidence for an alarm, which is raised at 1 and taken back at 0. Absent while it is being learnt what is normal.',
    labels: ['station', 'region', 'alarm'],
  },
  brokerConnected: {
    type: 'gauge',
    name: 'sideglance_broker_connected',
    help: '1 while the broker acknowledges what is published.',
    labels: [],
  },
  brokerConnections: {
    type: 'counter',
    name: 'sideglance_broker_connections_total',
    help: 'Connections to the broker that came up.',
    labels: [],
  },
  outboxMessages: {
    type: 'gauge',
    name: 'sideglance_outbox_messages',
    help: 'Messages that wait for the broker or are under way, by their class.',
    labels: ['class'],
  },
  outboxBytes: {
    type: 'gauge',
    name: 'sideglance_outbox_bytes',
    help: 'Room that they take in the store.',
    labels: [],
  },
  outboxAge: {
    type: 'gauge',
    name: 'sideglance_outbox_oldest_message_age_seconds',
    help: 'Age of the message that has waited longest and is not under way; 0 while none waits.',
    labels: ['class'],
  },
  outboxInFlight: {
    type: 'gauge',
    name: 'sideglance_outbox_messages_in_flight',
    help: 'Messages sent and not yet acknowledged.',
    labels: [],
  },
  outboxAlarm: {
    type: 'gauge',
    name: 'sideglance_outbox_alarm',
    help: '1 while something is wrong with the store, as /health says.',
    labels: [],
  },
  outboxUnsynced: {
    type: 'gauge',
    name: 'sideglance_outbox_unsynced_messages',
    help: 'Waiting messages that a power cut would take away.',
    labels: [],
  },
  outboxWritten: {
    type: 'counter',
    name: 'sideglance_outbox_written_bytes_total',
    help: 'What was written to the disk: wear of the flash.',
    labels: [],
  },
  outboxStored: {
    type: 'counter',
    name: 'sideglance_outbox_stored_total',
    help: 'Messages taken in.',
    labels: ['class'],
  },
  outboxDelivered: {
    type: 'counter',
    name: 'sideglance_outbox_delivered_total',
    help: 'Messages that the broker acknowledged.',
    labels: ['class'],
  },
  outboxDropped: {
    type: 'counter',
    name: 'sideglance_outbox_dropped_total',
    help: 'Messages that were dropped, each announced by a gap record.',
    labels: ['class', 'reason'],
  },
  gapsAnnounced: {
    type: 'counter',
    name: 'sideglance_outbox_gaps_announced_total',
    help: 'Gap records that the broker acknowledged.',
    labels: [],
  },
  gapsRefused: {
    type: 'counter',
    name: 'sideglance_outbox_gaps_refused_total',
    help: 'Gap records that the broker refused.',
    labels: [],
  },
  sparkplugState: {
    type: 'gauge',
    name: 'sideglance_sparkplug_state',
    help: '1 for the state that the edge node of Sparkplug is in, 0 for the others; absent where there is none. waiting: the primary host is not there.',
    labels: ['state'],
  },
  sparkplugBirths: {
    type: 'counter',
    name: 'sideglance_sparkplug_births_total',
    help: 'NBIRTHs that were published: sessions, and births that a host asked for.',
    labels: [],
  },
  sparkplugWaiting: {
    type: 'gauge',
    name: 'sideglance_sparkplug_samples',
    help: 'Samples that wait for the Sparkplug host.',
    labels: [],
  },
  sparkplugDropped: {
    type: 'counter',
    name: 'sideglance_sparkplug_dropped_total',
    help: 'Samples that a bound of that store has dropped.',
    labels: [],
  },
  temperature: {
    type: 'gauge',
    name: 'sideglance_temperature_celsius',
    help: 'Temperature of a thermal zone of the machine (CPU, GPU, board), by the name that the kernel gives it. Absent where there are none.',
    labels: ['zone'],
  },
  cooling: {
    type: 'gauge',
    name: 'sideglance_cooling_state_ratio',
    help: 'How far a cooling device of the kernel is engaged, from 0 to 1: fans, and on a Jetson the throttling of CPU and GPU.',
    labels: ['device'],
  },
  throttled: {
    type: 'counter',
    name: 'sideglance_cpu_throttle_events_total',
    help: 'Times that a core of the CPU was slowed down because it was too hot, since the machine started; 0 where the CPU does not count them.',
    labels: [],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricName = keyof typeof METRICS;
type NameOf<Type> = { [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never }[MetricName];
export type CounterName = NameOf<'counter'>;
export type GaugeName = NameOf<'gauge'>;
export type HistogramName = NameOf<'histogram'>;
/** Exactly the labels that a metric has. */
export type LabelsOf<Name extends MetricName> = Readonly<Record<(typeof METRICS)[Name]['labels'][number], string>>;
