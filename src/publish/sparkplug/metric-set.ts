import type { BasicType, Column, DataType, Metric, MetricValue, Property, Written } from './payload.js';

/** A metric that a node or device has for as long as the agent runs. */
export interface MetricDefinition {
  readonly name: string;
  readonly type: DataType;
  /** What it says, for whoever sees it in a tag browser. */
  readonly documentation: string;
  /** Engineering unit, and the range of values where there is one. */
  readonly unit?: string;
  readonly range?: readonly [low: number, high: number];
  readonly isWritable?: true;
  /** Hosts use these by name before they know any alias (tck-id-operational-behavior-data-commands-rebirth-name-aliases). */
  readonly hasNoAlias?: true;
  /** Of a data set. */
  readonly columns?: readonly Column[];
  /** Before anything else is known. */
  readonly initial?: MetricValue;
}

export type Values = Readonly<Record<string, MetricValue>>;

interface Entry {
  readonly definition: MetricDefinition;
  readonly alias: number | null;
  value: MetricValue;
  timestamp: number;
  /** What a host has been told since the last birth, to send by exception. */
  told: string;
}

/**
 * The metrics of a node or a device: which there are, what they are now, and what a host knows of them.
 * Names must differ by more than their case (tck-id-case-sensitivity-metric-names).
 */
export class MetricSet {
  readonly #entries = new Map<string, Entry>();
  readonly #byAlias = new Map<number, Entry>();

  /** @param nextAlias gives a number that no other metric of the edge node has (tck-id-payloads-alias-uniqueness) */
  constructor(definitions: readonly MetricDefinition[], nextAlias: () => number, timestamp: number) {
    for (const definition of definitions) {
      const alias = definition.hasNoAlias ? null : nextAlias();
      const entry = { definition, alias, value: definition.initial ?? null, timestamp, told: '' };
      this.#entries.set(definition.name, entry);
      if (alias !== null) this.#byAlias.set(alias, entry);
    }
  }

  get hasWritable(): boolean {
    return [...this.#entries.values()].some(({ definition }) => definition.isWritable);
  }

  /** Takes in what is so from `timestamp` on. Returns whether anything has changed. */
  set(values: Values, timestamp: number): boolean {
    let hasChanged = false;
    for (const [name, value] of Object.entries(values)) {
      const entry = this.#entries.get(name);
      if (!entry || sameness(entry.value) === sameness(value)) continue;
      entry.value = value;
      entry.timestamp = timestamp;
      hasChanged = true;
    }
    return hasChanged;
  }

  /**
   * Every metric with its current value, for a birth, and what a host has been told from then on. In the order of their
   * times (tck-id-operational-behavior-data-publish-nbirth-order).
   */
  birth(): Metric[] {
    for (const entry of this.#entries.values()) entry.told = sameness(entry.value);
    return [...this.#entries.values()]
      .sort((a, b) => a.timestamp - b.timestamp)
      .map(({ definition, alias, value, timestamp }) => ({
        name: definition.name,
        ...(alias === null ? {} : { alias }),
        timestamp,
        type: definition.type,
        isTyped: true,
        value,
        ...columnsOf(definition),
        properties: propertiesOf(definition),
      }));
  }

  /** Those of `values` that a host does not know yet, and which it is told with that. */
  changes(values: Values, timestamp: number): Metric[] {
    return this.#metrics(values, timestamp, (entry, value) => {
      const next = sameness(value);
      if (entry.told === next) return false;
      entry.told = next;
      return true;
    });
  }

  /** All of `values` as they were then; what is so now stays as it is. */
  history(values: Values, timestamp: number): Metric[] {
    return this.#metrics(values, timestamp, () => true).map((metric) => ({ ...metric, isHistorical: true }));
  }

  /** The writable metric that a command names, by its name or its alias. */
  writable({ name, alias }: Written): MetricDefinition | null {
    const entry = name !== null ? this.#entries.get(name) : this.#byAlias.get(alias ?? 0);
    return entry?.definition.isWritable ? entry.definition : null;
  }

  #metrics(values: Values, timestamp: number, isWanted: (entry: Entry, value: MetricValue) => boolean): Metric[] {
    return Object.entries(values).flatMap(([name, value]): Metric[] => {
      const entry = this.#entries.get(name);
      // A metric that the birth has not announced must not be sent; an older configuration may have had it.
      if (!entry || entry.alias === null || !isWanted(entry, value)) return [];
      const { definition, alias } = entry;
      return [{ alias, timestamp, type: definition.type, isTyped: false, value, ...columnsOf(definition) }];
    });
  }
}

function sameness(value: MetricValue): string {
  return JSON.stringify(value);
}

function columnsOf({ columns }: MetricDefinition): { columns?: readonly Column[] } {
  return columns === undefined ? {} : { columns };
}

/** The keys are the names of Ignition's tag properties, which MQTT Engine takes over. */
function propertiesOf({ documentation, unit, range, isWritable }: MetricDefinition): Record<string, Property> {
  const property = (type: BasicType, value: Property['value']) => ({ type, value });
  return {
    documentation: property('String', documentation),
    readOnly: property('Boolean', isWritable !== true),
    ...(unit === undefined ? {} : { engUnit: property('String', unit) }),
    ...(range === undefined ? {} : { engLow: property('Double', range[0]), engHigh: property('Double', range[1]) }),
  };
}
