import { isDeepStrictEqual } from 'node:util';
import type { JsonSchema } from './json-schema.js';

/** They inform; nobody's program depends on them. */
const ANNOTATIONS: ReadonlySet<string> = new Set(['$schema', '$id', 'title', 'description']);

/**
 * What `current` does to consumers that were written for `published`: nothing, where it only adds. A message that
 * `current` allows must be one that `published` allows, with all its fields, and no closed list may change. What is
 * further restricted is allowed, since consumers only read.
 *
 * @returns a line for each fault, with the place of the field
 */
export function contractFaults(published: JsonSchema, current: JsonSchema, at = '$'): string[] {
  return Object.entries(published).flatMap(([keyword, before]) => {
    if (ANNOTATIONS.has(keyword)) return [];
    const after = current[keyword];
    switch (keyword) {
      case 'properties':
        return Object.entries(before as Record<string, JsonSchema>).flatMap(([name, field]) => {
          const now = current.properties?.[name];
          return now === undefined ? [`${at}.${name} is gone`] : contractFaults(field, now, `${at}.${name}`);
        });
      case 'items':
        return contractFaults(before as JsonSchema, current.items ?? {}, `${at}[]`);
      case 'anyOf': {
        const choices = before as readonly JsonSchema[];
        if (current.anyOf?.length !== choices.length) return [`${at} has other choices`];
        return choices.flatMap((choice, i) => contractFaults(choice, current.anyOf?.[i] ?? {}, at));
      }
      case 'required':
        return missing(before as readonly unknown[], current.required).map((name) => `${at}.${name} may be absent now`);
      case 'examples':
        return missing(before as readonly unknown[], current.examples).map((value) => `${at} is never ${value} now`);
      default:
        return isDeepStrictEqual(before, after)
          ? []
          : [`${at} has another ${keyword}: ${JSON.stringify(before)} before, ${JSON.stringify(after)} now`];
    }
  });
}

function missing(before: readonly unknown[], after: readonly unknown[] = []): unknown[] {
  return before.filter((value) => !after.includes(value));
}
