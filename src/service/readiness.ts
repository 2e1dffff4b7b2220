import type { HealthMessage, HealthReason } from '../publish/messages.js';

/** What is judged: the health message, before it says how it is judged. */
export type Condition = Pick<HealthMessage, 'stations' | 'publishing' | 'sparkplug'> & {
  /** Stations whose process can neither go on nor be ended: something in the kernel holds it. */
  readonly stuck: ReadonlySet<string>;
};

export type Readiness = Pick<HealthMessage, 'live' | 'ready' | 'reasons'>;

/**
 * Whether the device lives and can do its work, and why not.
 *
 * A camera or a broker that is away makes it not ready and leaves it alive: a restart of the daemon would not bring them
 * back, and it is the daemon that notices when they come. A line may stand still and a source may have an end, so a
 * camera without frames is a warning only. Sparkplug is beside MQTT: verdicts reach the broker without it.
 */
export function judgeReadiness({ stations, publishing, sparkplug, stuck }: Condition): Readiness {
  const reasons = stations.flatMap((station) => stationReasons(station, stuck.has(station.name)));
  if (publishing.protocol === null) {
    const text = publishing.lastFault ?? 'the MQTT broker is not connected yet';
    reasons.push({ reason: 'broker-offline', station: null, blocks: 'ready', text });
  }
  for (const alarm of [publishing.storage.alarm, sparkplug?.alarm ?? null]) {
    if (alarm !== null) reasons.push({ reason: 'outbox-alarm', station: null, blocks: null, text: alarm });
  }
  const live = reasons.every(({ blocks }) => blocks !== 'live');
  return { live, ready: live && reasons.every(({ blocks }) => blocks !== 'ready'), reasons };
}

function stationReasons(station: HealthMessage['stations'][number], isStuck: boolean): HealthReason[] {
  const { name, state, camera, skipped, alarms } = station;
  const reasons: HealthReason[] = [];
  const because = (reason: HealthReason['reason'], blocks: HealthReason['blocks'], text: string) =>
    reasons.push({ reason, station: name, blocks, text });

  if (isStuck) because('station-stuck', 'live', `station ${name}: its process can neither go on nor be ended`);
  if (state !== 'running')
    because(`station-${state}`, 'ready', withReason(`station ${name} is ${state}`, station.reason));
  // A station that does not run has no camera, and says so already.
  else if (camera.state !== null && camera.state !== 'running') {
    const blocks = camera.state === 'opening' || camera.state === 'lost' ? 'ready' : null;
    because(
      `camera-${camera.state}`,
      blocks,
      withReason(`station ${name}: the camera is ${camera.state}`, camera.reason),
    );
  }
  for (const { provider, reason, fix } of skipped) {
    because('provider-skipped', null, `station ${name} does not run on ${provider}: ${reason}; ${fix}`);
  }
  for (const { region, text } of alarms) because('alarm', null, `station ${name}, region ${region}: ${text}`);
  return reasons;
}

function withReason(text: string, reason: string | null): string {
  return reason === null ? text : `${text}: ${reason}`;
}
