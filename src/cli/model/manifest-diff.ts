import type { Manifest } from '../../model/manifest.js';

/** Lists of numbers longer than this are summed up. */
const LISTED = 8;

/** Lines `- key: value` and `+ key: value` for what two manifests say differently; files are named by their path. */
export function differences(before: Manifest, after: Manifest): string[] {
  const [a, b] = [entriesOf(before), entriesOf(after)];
  return [...new Set([...a.keys(), ...b.keys()])].flatMap((key) => {
    const [old, now] = [a.get(key), b.get(key)];
    if (old === now) return [];
    return [...(old === undefined ? [] : [`- ${key}: ${old}`]), ...(now === undefined ? [] : [`+ ${key}: ${now}`])];
  });
}

function entriesOf({ files, ...manifest }: Manifest): Map<string, string> {
  const entries = new Map<string, string>();
  const visit = (key: string, value: unknown): void => {
    if (Array.isArray(value) && value.length > LISTED && value.every((item) => typeof item === 'number')) {
      entries.set(key, summary(value));
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) visit(key === '' ? name : `${key}.${name}`, inner);
    } else entries.set(key, String(value));
  };
  visit('', manifest);
  for (const { path, size, sha256 } of files) entries.set(path, `${size} bytes, ${sha256.slice(0, 12)}…`);
  return entries;
}

/** Two lists that differ anywhere differ in their mean, too, unless somebody wants them to. */
function summary(values: readonly number[]): string {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return `${values.length} numbers from ${values[0]} to ${values.at(-1)}, mean ${mean}`;
}
