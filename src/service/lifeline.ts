import { type Accounts, statusLine, stuck, waitedFor } from './accounts.js';
import type { ServiceState } from './notify.js';

export const LIFELINE_LIMITS = {
  /** How often the accounts are looked at, unless the watchdog wants it more often. */
  everyMs: 1_000,
  /** The status counts parts, which would make it news every time. */
  statusEveryMs: 5_000,
  /** Looks within the time of the watchdog: two may fail, or come late. */
  looksPerWatchdog: 4,
  /** What is overdue for as long will not happen any more: the kernel takes less to end a process that can be ended. */
  overdueGraceMs: 5_000,
} as const;

export type LifelineLimits = { readonly [Key in keyof typeof LIFELINE_LIMITS]: number };

export interface LifelineOptions {
  /** The service manager's. */
  readonly watchdogMs: number | null;
  /** False: it was not taken, and is told again. */
  readonly tell: (state: ServiceState) => boolean;
  readonly look: () => Accounts;
  readonly onReady: () => void;
  /** Stations that can neither go on nor be ended; once for each such time. */
  readonly onStuck: (stations: readonly string[]) => void;
  readonly limits?: LifelineLimits;
}

/**
 * Tells the service manager when the service is ready, how it does, and that it lives. The timer only decides when to look:
 * what is told follows from what agent and stations have done. A blocked event loop tells nothing, a stuck station keeps the sign
 * of life back; no parts, no camera and no broker do not.
 */
export class Lifeline {
  readonly #options: LifelineOptions;
  readonly #limits: LifelineLimits;
  #timer: NodeJS.Timeout | undefined;
  #ready = false;
  #stuck = false;
  #status = '';
  #statusAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: LifelineOptions) {
    this.#options = options;
    this.#limits = options.limits ?? LIFELINE_LIMITS;
  }

  start(): void {
    const { everyMs, looksPerWatchdog } = this.#limits;
    const { watchdogMs } = this.#options;
    const periodMs = watchdogMs === null ? everyMs : Math.min(everyMs, watchdogMs / looksPerWatchdog);
    this.#look();
    this.#timer = setInterval(() => this.#look(), periodMs);
  }

  stopping(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#options.tell({ stopping: true, status: 'stopping: finishing the parts under way' });
  }

  #look(): void {
    const accounts = this.#options.look();
    const stations = stuck(accounts, this.#limits.overdueGraceMs);
    const isStuck = stations.length > 0;
    const isNews = isStuck !== this.#stuck;
    this.#stuck = isStuck;
    if (isStuck && isNews) this.#options.onStuck(stations);
    const becomesReady = !this.#ready && !isStuck && waitedFor(accounts).length === 0;
    const status = this.#newStatus(statusLine(accounts, stations), becomesReady || isNews);
    const watchdog = !isStuck && this.#options.watchdogMs !== null;
    if (!becomesReady && !watchdog && status === undefined) return;
    const isTaken = this.#options.tell({
      ready: becomesReady,
      watchdog,
      ...(status === undefined ? {} : { status }),
    });
    if (!isTaken) return;
    if (status !== undefined) {
      this.#status = status;
      this.#statusAtMs = performance.now();
    }
    if (becomesReady) {
      this.#ready = true;
      this.#options.onReady();
    }
  }

  #newStatus(status: string, atOnce: boolean): string | undefined {
    if (status === this.#status) return undefined;
    const isDue = atOnce || !this.#ready || performance.now() - this.#statusAtMs >= this.#limits.statusEveryMs;
    return isDue ? status : undefined;
  }
}
