import { regionNames } from '../config/models.js';
import type { HttpConfig, StationConfig } from '../config/schema.js';
import type { HealthMessage } from '../publish/messages.js';
import type { Inspection } from '../types.js';
import { type Answer, HttpServer } from './http-server.js';
import { Metrics, type Readings } from './metrics/metrics.js';
import { Thermal } from './metrics/thermal.js';

export interface MonitoringOptions {
  /** Absent: nobody can ask, and nothing is counted for them. */
  readonly http: HttpConfig | undefined;
  readonly stations: readonly StationConfig[];
  /** Says how the device is doing now. */
  readonly health: () => HealthMessage;
  /** What else `/metrics` reads. */
  readonly read: () => Pick<Readings, 'alarms' | 'outboxAgeMs' | 'droppedOutput'>;
  /** An answer that could not be given. */
  readonly onFault: (path: string, thrown: unknown) => void;
}

/** What others may ask the daemon about itself, over HTTP: `/metrics`, `/health`, `/health/live`, `/health/ready`. */
export class Monitoring {
  readonly #options: MonitoringOptions;
  readonly #metrics: Metrics | null;
  readonly #thermal = new Thermal();
  #server: HttpServer | null = null;

  constructor(options: MonitoringOptions) {
    this.#options = options;
    const counted = options.stations.map((station) => ({ name: station.name, regions: regionNames(station) }));
    this.#metrics = options.http === undefined ? null : new Metrics(counted);
  }

  /** @throws SideglanceError SG_HTTP when it cannot listen there */
  async start(): Promise<void> {
    const { http, health, onFault } = this.#options;
    const metrics = this.#metrics;
    if (http === undefined || metrics === null) return;
    this.#server = await HttpServer.listen({
      ...http,
      onFault,
      routes: {
        '/metrics': () => this.#answerMetrics(metrics),
        '/health': async () => healthAnswer(health(), 'ready'),
        '/health/live': async () => healthAnswer(health(), 'live'),
        '/health/ready': async () => healthAnswer(health(), 'ready'),
      },
    });
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  countPart(inspection: Inspection): void {
    const sinceCaptureMs = Number(process.hrtime.bigint()) / 1e6 - inspection.captured.monotonicMs;
    this.#metrics?.countPart(inspection, sinceCaptureMs);
  }

  countDelivery(station: string, ms: number): void {
    this.#metrics?.countDelivery(station, ms);
  }

  async #answerMetrics(metrics: Metrics): Promise<Answer> {
    const heat = await this.#thermal.heat();
    const { health, read } = this.#options;
    const body = await metrics.text({ health: health(), heat, ...read() });
    return { status: 200, contentType: metrics.contentType, body };
  }
}

/** The health message as it is published; the status is about one of its two answers. */
function healthAnswer(health: HealthMessage, about: 'live' | 'ready'): Answer {
  return {
    status: health[about] ? 200 : 503,
    contentType: 'application/json; charset=utf-8',
    body: `${JSON.stringify(health, null, 2)}\n`,
  };
}
