import { readFile } from 'node:fs/promises';
import { reasonOf, SideglanceError } from '../errors.js';

/** What a person says about a part. */
export type Label = 'pass' | 'fail';

export interface FileLabel {
  /** As it stands in the file of labels. */
  readonly file: string;
  readonly label: Label;
  /** Counted from 1. */
  readonly line: number;
}

/** Faults that one message names. */
const FAULTS_NAMED = 8;

/**
 * Reads labels, one a line: CSV `file,label` (with or without that header; a name with a comma in double quotes) or
 * JSON Lines `{"file": …, "label": …}`, whose further keys are ignored. A label is `pass` or `fail`.
 *
 * @throws SideglanceError `SG_LABELS_INVALID` for a file that cannot be read, and for lines that say something else,
 * each named as file:line
 */
export async function readLabels(path: string): Promise<FileLabel[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new SideglanceError('SG_LABELS_INVALID', `the labels ${path} cannot be read: ${reasonOf(cause)}`, { cause });
  });
  return parseLabels(text, path);
}

/** @param where the file, for messages. @throws SideglanceError `SG_LABELS_INVALID` as {@link readLabels} */
export function parseLabels(text: string, where: string): FileLabel[] {
  const labels: FileLabel[] = [];
  const faults: string[] = [];
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (const [index, raw] of lines.entries()) {
    const line = index + 1;
    const content = raw.trim();
    if (content === '' || (labels.length === 0 && /^file\s*,\s*label$/i.test(content))) continue;
    const found = content.startsWith('{') ? fromJson(content) : fromCsv(content);
    if (typeof found === 'string') faults.push(`${where}:${line}: ${found}`);
    else if (!isLabel(found.label)) faults.push(`${where}:${line}: unknown label "${found.label}", not pass or fail`);
    else labels.push({ file: found.file, label: found.label, line });
  }
  if (faults.length > 0) throw invalidLabels(`${where} has lines that are no labels:`, faults);
  return labels;
}

/** @param faults each becomes a line of its own, the first few at least */
export function invalidLabels(message: string, faults: readonly string[]): SideglanceError {
  const more = faults.length > FAULTS_NAMED ? [`and ${faults.length - FAULTS_NAMED} more`] : [];
  return new SideglanceError('SG_LABELS_INVALID', [message, ...faults.slice(0, FAULTS_NAMED), ...more].join('\n'));
}

/** @returns a text where the line is at fault */
function fromJson(line: string): { file: string; label: string } | string {
  try {
    const { file, label } = JSON.parse(line) as { file?: unknown; label?: unknown };
    if (typeof file === 'string' && file !== '' && typeof label === 'string') return { file, label };
    return 'it needs the texts "file" and "label"';
  } catch (thrown) {
    return `it is no JSON: ${reasonOf(thrown)}`;
  }
}

/** RFC 4180 without line breaks in a field. @returns a text where the line is at fault */
function fromCsv(line: string): { file: string; label: string } | string {
  const fields = [...line.matchAll(/(?:^|,)\s*(?:"((?:[^"]|"")*)"|([^",]*))\s*(?=,|$)/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain?.trim() ?? '',
  );
  const [file, label] = fields;
  if (fields.length === 2 && file && label !== undefined) return { file, label };
  return 'expected file,label (a name with a comma stands in double quotes)';
}

function isLabel(text: string): text is Label {
  return text === 'pass' || text === 'fail';
}
