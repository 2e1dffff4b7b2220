import { regionNames } from '../../config/models.js';
import type { StationConfig } from '../../config/schema.js';
import type { Inspection, Timestamp } from '../../types.js';
import { type AlarmName, type AlarmStanding, RegionAlarms, type RegionState } from './region-alarms.js';

/** An alarm that is raised. */
export interface Alarm {
  readonly alarm: AlarmName;
  readonly region: string;
  readonly since: Timestamp;
  readonly text: string;
}

/** An alarm that was raised or taken back just now. */
export interface AlarmChange {
  readonly alarm: AlarmName;
  readonly station: string;
  readonly region: string;
  readonly raised: boolean;
  readonly text: string;
}

/** What is kept from one run to the next, by station and region; survives JSON. */
export type AlarmMemory = Readonly<Record<string, Readonly<Record<string, KeptRegion>>>>;

interface KeptRegion {
  readonly state: RegionState;
  readonly since: Readonly<Partial<Record<AlarmName, Timestamp>>>;
}

interface Watched {
  readonly alarms: RegionAlarms;
  /** When each alarm that is raised was. */
  readonly since: Map<AlarmName, Timestamp>;
}

/** The alarms of every region of every station. They live in the agent: a station that is started again goes on with them. */
export class Alarms {
  readonly #stations = new Map<string, Map<string, Watched>>();
  readonly #now: () => Timestamp;

  constructor(stations: readonly StationConfig[], now: () => Timestamp, memory: AlarmMemory = {}) {
    this.#now = now;
    for (const station of stations) {
      const regions = regionNames(station).map((region): [string, Watched] => {
        const kept = memory[station.name]?.[region];
        const since = new Map(Object.entries(kept?.since ?? {}) as [AlarmName, Timestamp][]);
        return [region, { alarms: new RegionAlarms(station.alarms, kept?.state ?? null), since }];
      });
      this.#stations.set(station.name, new Map(regions));
    }
  }

  /** Takes in the answer for a part; returns what it has raised or taken back. */
  add({ part, model, regions }: Inspection): AlarmChange[] {
    const watched = this.#stations.get(part.station);
    if (watched === undefined || model === null) return [];
    return regions.flatMap((result) => {
      const region = watched.get(result.region.name);
      return region?.alarms.add(result, model) ? this.#changes(part.station, result.region.name, region) : [];
    });
  }

  /** The alarms of a station that are raised. */
  raised(station: string): Alarm[] {
    return this.#all(station).flatMap(([region, { alarms, since }]) =>
      alarms
        .standings()
        .filter(({ raised }) => raised)
        .map(({ alarm, text }) => ({ alarm, region, since: since.get(alarm) ?? this.#now(), text })),
    );
  }

  /** How every alarm of a station stands that is switched on. */
  standings(station: string): (AlarmStanding & { readonly region: string })[] {
    return this.#all(station).flatMap(([region, { alarms }]) =>
      alarms.standings().map((standing) => ({ ...standing, region })),
    );
  }

  memory(): AlarmMemory {
    return Object.fromEntries(
      [...this.#stations].map(([station, regions]) => [
        station,
        Object.fromEntries(
          [...regions].flatMap(([region, { alarms, since }]) =>
            alarms.state === null ? [] : [[region, { state: alarms.state, since: Object.fromEntries(since) }]],
          ),
        ),
      ]),
    );
  }

  #all(station: string): [string, Watched][] {
    return [...(this.#stations.get(station) ?? [])];
  }

  #changes(station: string, region: string, { alarms, since }: Watched): AlarmChange[] {
    return alarms.standings().flatMap(({ alarm, raised, text }) => {
      if (raised === since.has(alarm)) return [];
      if (raised) since.set(alarm, this.#now());
      else since.delete(alarm);
      return [{ alarm, station, region, raised, text }];
    });
  }
}
