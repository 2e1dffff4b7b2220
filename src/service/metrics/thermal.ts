import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export const THERMAL_LIMITS = {
  /** Sensors change slowly, and some take milliseconds to read. */
  readAgainAfterMs: 2_000,
  /** Of each kind; a machine has a dozen. */
  maxDevices: 48,
} as const;

/** What the kernel says about heat. Empty, and null, where it says nothing. */
export interface Heat {
  /** In °C, by the name of the zone, such as `cpu-thermal`, `gpu-thermal`, `x86_pkg_temp`. */
  readonly temperatures: ReadonlyMap<string, number>;
  /** 0 to 1, by the name of the cooling device, such as `pwm-fan`, `gpu-throttle-alert`, `cpufreq-cpu0`. */
  readonly cooling: ReadonlyMap<string, number>;
  /** Times that a core was slowed down, in sum; null where the CPU does not count. */
  readonly throttleEvents: number | null;
}

/**
 * Reads thermal zones, cooling devices and throttle counters under /sys. The zones of a Jetson's GPU are among them; a
 * graphics card of a PC has none.
 *
 * Source: Documentation/driver-api/thermal/sysfs-api.rst and arch/x86/kernel/cpu/mce/therm_throt.c of Linux.
 */
export class Thermal {
  readonly #sys: string;
  readonly #now: () => number;
  #read: Promise<Heat> | null = null;
  #readAtMs = 0;

  constructor(sys = '/sys', now: () => number = () => performance.now()) {
    this.#sys = sys;
    this.#now = now;
  }

  /** Never rejects: what cannot be read is absent. */
  heat(): Promise<Heat> {
    if (this.#read === null || this.#now() - this.#readAtMs >= THERMAL_LIMITS.readAgainAfterMs) {
      this.#readAtMs = this.#now();
      this.#read = this.#readAll();
    }
    return this.#read;
  }

  async #readAll(): Promise<Heat> {
    const thermal = join(this.#sys, 'class', 'thermal');
    const cpus = join(this.#sys, 'devices', 'system', 'cpu');
    const [zones, devices, counts] = await Promise.all([
      eachOf(thermal, /^thermal_zone\d+$/, readZone),
      eachOf(thermal, /^cooling_device\d+$/, readCoolingDevice),
      eachOf(cpus, /^cpu\d+$/, (cpu) => readNumber(join(cpu, 'thermal_throttle', 'core_throttle_count'))),
    ]);
    return {
      temperatures: byUniqueName(zones),
      cooling: byUniqueName(devices),
      throttleEvents: counts.length === 0 ? null : counts.reduce((sum, count) => sum + count, 0),
    };
  }
}

type Reading = readonly [name: string, value: number];

/** Millidegrees become degrees. Zones that are switched off say so by an error or by a value that no machine has. */
async function readZone(folder: string): Promise<Reading | null> {
  const [type, millidegrees] = await Promise.all([readText(join(folder, 'type')), readNumber(join(folder, 'temp'))]);
  if (type === null || millidegrees === null || Math.abs(millidegrees) > 200_000) return null;
  return [type, millidegrees / 1000];
}

async function readCoolingDevice(folder: string): Promise<Reading | null> {
  const [type, current, most] = await Promise.all([
    readText(join(folder, 'type')),
    readNumber(join(folder, 'cur_state')),
    readNumber(join(folder, 'max_state')),
  ]);
  // Devices that are driven by the idle time alone have a current state of -1 while they rest.
  return type === null || current === null || most === null || most <= 0
    ? null
    : [type, Math.min(1, Math.max(0, current / most))];
}

async function eachOf<Value>(
  folder: string,
  names: RegExp,
  read: (folder: string) => Promise<Value | null>,
): Promise<Value[]> {
  const found = await readdir(folder).catch(() => []);
  const numbered = found.filter((name) => names.test(name)).sort(byNumber);
  const values = await Promise.all(
    numbered.slice(0, THERMAL_LIMITS.maxDevices).map((name) => read(join(folder, name))),
  );
  return values.filter((value) => value !== null);
}

function byNumber(a: string, b: string): number {
  return Number(/\d+$/.exec(a)?.[0]) - Number(/\d+$/.exec(b)?.[0]);
}

/** Kernels give several devices one name: the second is called `name-2`. */
function byUniqueName(readings: readonly Reading[]): Map<string, number> {
  const named = new Map<string, number>();
  const seen = new Map<string, number>();
  for (const [name, value] of readings) {
    const nth = (seen.get(name) ?? 0) + 1;
    seen.set(name, nth);
    named.set(nth === 1 ? name : `${name}-${nth}`, value);
  }
  return named;
}

async function readNumber(file: string): Promise<number | null> {
  const text = await readText(file);
  return text !== null && /^-?\d+$/.test(text) ? Number(text) : null;
}

async function readText(file: string): Promise<string | null> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch {
    return null;
  }
}
