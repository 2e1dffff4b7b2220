import type { z } from 'zod';
import { keysAt } from './json-schema.js';
import { nearest } from './nearest.js';

export type Path = readonly (string | number)[];

/** Counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface Fault {
  readonly path: Path;
  readonly message: string;
  /** The fault is the key itself, not its value. */
  readonly atKey?: boolean;
}

/** `stations[0].camera.type` */
export function pathText(path: Path): string {
  return path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('');
}

/**
 * What zod found, in plain words. Values are quoted only where they are numbers or one of a list of words: a fault
 * must never print a password.
 */
export function faultsOfIssues(issues: readonly z.core.$ZodIssue[], value: unknown): Fault[] {
  return issues.flatMap((issue): Fault[] => {
    const path = issue.path.filter((step) => typeof step !== 'symbol');
    if (issue.code === 'unrecognized_keys') {
      const known = keysAt(path, value);
      return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, known), atKey: true }));
    }
    return [{ path, message: describe(issue, valueAt(value, path)) }];
  });
}

function describe(issue: z.core.$ZodIssue, found: unknown): string {
  const missing = found === undefined;
  switch (issue.code) {
    case 'invalid_type':
      return missing ? 'is missing' : `must be ${typeName(issue.expected)}, is ${typeOf(found)}`;
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? 'must not be empty'
        : `must be ${issue.inclusive ? 'at least' : 'greater than'} ${issue.minimum}, is ${found}`;
    case 'too_big':
      return issue.origin === 'array'
        ? `has too many entries: at most ${issue.maximum}`
        : `must be ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}, is ${found}`;
    case 'invalid_value':
      return choice(issue.values.map(String), found);
    case 'invalid_union':
      return describeUnion(issue, found);
    default:
      return issue.message;
  }
}

function describeUnion(issue: z.core.$ZodIssueInvalidUnion, found: unknown): string {
  const options = (issue as { options?: unknown }).options;
  if (Array.isArray(options)) return choice(options.map(String), found);
  const alternatives = issue.errors.flat();
  // A number that is out of range says more than "neither a number nor the word".
  const range = alternatives.find((one) => one.code === 'too_small' || one.code === 'too_big');
  if (range !== undefined) return describe(range, found);
  const words = alternatives.flatMap((one) => (one.code === 'invalid_value' ? one.values.map(String) : []));
  const types = alternatives.flatMap((one) => (one.code === 'invalid_type' ? [typeName(one.expected)] : []));
  return choice([...words, ...types], found);
}

function choice(options: readonly string[], found: unknown): string {
  const list = options.length === 1 ? options[0] : `${options.slice(0, -1).join(', ')} or ${options.at(-1)}`;
  if (found === undefined || found === null) return `is missing: ${list}`;
  if (typeof found === 'object') return `must be ${list}, is ${typeOf(found)}`;
  const guess = nearest(String(found), options);
  return `must be ${list}, is ${JSON.stringify(found)}${guess === null ? '' : `; did you mean ${guess}?`}`;
}

function unknownKey(key: string, known: readonly string[]): string {
  const guess = nearest(key, known);
  if (guess !== null) return `is not a known key; did you mean \`${guess}\`?`;
  return `is not a known key; known here: ${known.join(', ')}`;
}

function typeName(expected: string): string {
  const names: Record<string, string> = {
    object: 'a group of keys',
    array: 'a list',
    string: 'text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
  };
  return names[expected] ?? expected;
}

function typeOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number') return String(value);
  return typeName(typeof value);
}

export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, step) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<string | number, unknown>)[step] : undefined,
    value,
  );
}
