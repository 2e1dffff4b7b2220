import { listAt, passwordFaults, urlFaults } from './checks.js';
import { type Fault, type Path, valueAt } from './faults.js';

/** The rules of `sparkplug`. What it does not say for itself is that of `mqtt`, whose rules hold for that. */
export function sparkplugFaults(value: unknown, file: string): Fault[] {
  const sparkplug = valueAt(value, ['sparkplug']);
  const urls = listAt(sparkplug, ['urls']);
  const faults = [
    ...urls.flatMap((url, i) => urlFaults(url, ['sparkplug', 'urls', i], ['mqtt', 'mqtts', 'ws', 'wss'])),
    ...passwordFaults(sparkplug, ['sparkplug'], file),
  ];
  const hasBroker = urls.length > 0 || valueAt(value, ['mqtt', 'url']) !== undefined;
  if (valueAt(sparkplug, ['username']) !== undefined && !hasBroker) {
    faults.push({
      path: ['sparkplug', 'username'],
      message: 'has no effect without `sparkplug.urls` or `mqtt.url`: the embedded broker has no users',
    });
  }
  if (valueAt(sparkplug, ['enabled']) !== true) return faults;
  // tck-id-case-sensitivity-sparkplug-ids, tck-id-case-sensitivity-metric-names
  faults.push(...sameButForCase(value, ['stations'], 'station'));
  listAt(value, ['stations']).forEach((_, i) => {
    faults.push(...sameButForCase(value, ['stations', i, 'regions'], 'region'));
  });
  return faults;
}

function sameButForCase(value: unknown, base: Path, what: string): Fault[] {
  const first = new Map<string, string>();
  return listAt(value, base).flatMap((entry, i): Fault[] => {
    const name = valueAt(entry, ['name']);
    if (typeof name !== 'string') return [];
    const earlier = first.get(name.toLowerCase());
    first.set(name.toLowerCase(), earlier ?? name);
    if (earlier === undefined || earlier === name) return [];
    const message = `${what} ${name} differs from ${what} ${earlier} in case only, which Sparkplug hosts may not see`;
    return [{ path: [...base, i, 'name'], message }];
  });
}
