import type { Inspection, ModelInUse } from '../../types.js';
import type { CameraEvent } from '../compose.js';
import { DROP_REASONS, type Gap } from '../outbox/types.js';
import { CommandExecutor, commandDefinitions, type StationCommands, THRESHOLD } from './commands.js';
import { cameraValues, deviceDefinitions, modelValues, partValues } from './device-metrics.js';
import { MetricSet, type Values } from './metric-set.js';
import type { Metric, Written } from './payload.js';
import { PartRates } from './rates.js';

/** What was so at a station from a time on; it waits in the store until the broker has it. */
export interface Update {
  /** The run of the agent that it is of, and its number among the updates of the station in that run. */
  readonly run: string;
  readonly number: number;
  /** Milliseconds since 1970, UTC. */
  readonly timestamp: number;
  readonly values: Values;
  /** When it was first sent, by the monotonic clock, if it is to be sent once more. */
  readonly sentMs?: number;
}

export interface DeviceOptions {
  readonly id: string;
  readonly regions: readonly string[];
  readonly commands: StationCommands;
  readonly run: string;
  readonly nextAlias: () => number;
  readonly monotonicMs: () => number;
  readonly store: (device: Device, update: Update) => void;
}

/** A station as a Sparkplug device: its metrics, whether it is there, and what of it is history. */
export class Device {
  readonly id: string;
  readonly metrics: MetricSet;
  readonly #options: DeviceOptions;
  readonly #commands: CommandExecutor;
  readonly #rates: PartRates;
  #isRunning = false;
  #camera: CameraEvent['state'] | null = null;
  #outages = 0;
  #dropped = 0;
  #updates = 0;
  /** The updates that the birth of this session stands for; null: not born in it. */
  #bornWith: number | null = null;

  constructor(options: DeviceOptions) {
    const { id, regions, commands, nextAlias, monotonicMs } = options;
    this.id = id;
    this.#options = options;
    const definitions = [...deviceDefinitions(regions), ...commandDefinitions(commands)];
    this.metrics = new MetricSet(definitions, nextAlias, Date.now());
    this.#commands = new CommandExecutor(id, commands, (values) => this.#update(values, Date.now()));
    this.#rates = new PartRates(monotonicMs());
  }

  /** Whether its process runs a model: only then a host may call it alive. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  get isBorn(): boolean {
    return this.#bornWith !== null;
  }

  takeInspection(inspection: Inspection): void {
    const { captured, verdict } = inspection;
    const values = { ...partValues(inspection, this.#options.regions), ...this.#rates.count(verdict.result) };
    this.#update(values, Date.parse(captured.utc));
  }

  takeCamera(event: CameraEvent): void {
    if (this.#camera === 'running' && (event.state === 'silent' || event.state === 'lost')) this.#outages++;
    this.#camera = event.state;
    this.#update(cameraValues(event, this.#outages), Date.parse(event.at.utc));
  }

  takeModel(inUse: ModelInUse): void {
    this.#isRunning = inUse.provider !== null;
    const { setThreshold } = this.#options.commands;
    const threshold = setThreshold ? { [THRESHOLD]: inUse.threshold } : {};
    this.#update({ ...modelValues(inUse), ...threshold }, Date.now());
  }

  /** Messages were dropped before a host had them. */
  takeGap({ reasons, first, last }: Gap): void {
    this.#dropped += DROP_REASONS.reduce((total, reason) => total + reasons[reason], 0);
    const times = {
      'History/Dropped From': Date.parse(first.utc),
      'History/Dropped To': Date.parse(last.utc),
    };
    this.#update({ 'History/Dropped': this.#dropped, ...times }, Date.now());
  }

  /** Rates change as time goes by. They are not kept for later: the parts that they are of are. */
  refresh(): void {
    const rates = this.#rates.rates(this.#options.monotonicMs());
    if (this.isBorn) this.#update(rates, Date.now());
    else this.metrics.set(rates, Date.now());
  }

  write(metric: Written): void {
    const definition = this.metrics.writable(metric);
    if (definition) this.#commands.write(definition.name, metric.value);
  }

  /** All metrics as they are now. Whatever has not been sent before is history from now on. */
  birth(): Metric[] {
    this.#bornWith = this.#updates;
    return this.metrics.birth();
  }

  die(): void {
    this.#bornWith = null;
  }

  /** What a host is to be told of an update: what it does not know yet, or, of history, all. */
  tell({ run, number, timestamp, values }: Update): Metric[] {
    const isNew = run === this.#options.run && this.#bornWith !== null && number > this.#bornWith;
    return isNew ? this.metrics.changes(values, timestamp) : this.metrics.history(values, timestamp);
  }

  #update(values: Values, timestamp: number): void {
    if (!this.metrics.set(values, timestamp)) return;
    this.#updates++;
    this.#options.store(this, { run: this.#options.run, number: this.#updates, timestamp, values });
  }
}
