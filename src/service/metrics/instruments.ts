import { Counter, Gauge, Histogram, type OpenMetricsContentType, Registry } from 'prom-client';
import {
  type CounterName,
  type GaugeName,
  type HistogramName,
  type LabelsOf,
  METRICS,
  type MetricDefinition,
  type MetricName,
} from './catalogue.js';

/** The metrics of the catalogue in a registry of their own, with names and labels that the compiler checks. */
export class Instruments {
  /** OpenMetrics 1.0. */
  readonly contentType = Registry.OPENMETRICS_CONTENT_TYPE;
  readonly #registry = new Registry<OpenMetricsContentType>();
  readonly #counters = new Map<MetricName, Counter>();
  readonly #gauges = new Map<MetricName, Gauge>();
  readonly #histograms = new Map<MetricName, Histogram>();

  constructor() {
    this.#registry.setContentType(this.contentType);
    for (const [key, definition] of Object.entries<MetricDefinition>(METRICS))
      this.#create(key as MetricName, definition);
  }

  add<Name extends CounterName>(name: Name, labels: LabelsOf<Name>, count: number): void {
    this.#counters.get(name)?.inc(labels, count);
  }

  set<Name extends GaugeName>(name: Name, labels: LabelsOf<Name>, value: number): void {
    this.#gauges.get(name)?.set(labels, value);
  }

  observe<Name extends HistogramName>(name: Name, labels: LabelsOf<Name>, value: number): void {
    this.#histograms.get(name)?.observe(labels, value);
  }

  /** Forgets every value of these metrics, also those of labels that are no longer there. */
  reset(names: readonly (CounterName | GaugeName)[]): void {
    for (const name of names) (this.#counters.get(name) ?? this.#gauges.get(name))?.reset();
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #create(key: MetricName, { type, name, help, labels, buckets }: MetricDefinition): void {
    const options = { name, help, labelNames: [...labels], registers: [this.#registry] };
    if (type === 'counter') this.#counters.set(key, new Counter(options));
    else if (type === 'gauge') this.#gauges.set(key, new Gauge(options));
    else this.#histograms.set(key, new Histogram({ ...options, buckets: [...(buckets ?? [])] }));
  }
}
