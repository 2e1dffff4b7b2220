import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../src/paths.js';

export const DOCS: readonly string[] = [
  'README.md',
  ...['docs', 'models', 'deploy', 'examples'].flatMap((folder) => filesIn(folder, '.md')),
];

/** What somebody would type. */
export interface CommandLine {
  /** `file:line` */
  readonly place: string;
  readonly text: string;
}

/** Lines of blocks that are indented or fenced as `sh`, without what is remarked; what a backslash joins is one. */
export function commandLinesOf(file: string): CommandLine[] {
  const found: CommandLine[] = [];
  let isFenced = false;
  let begun = '';
  for (const [index, line] of readFileSync(join(PACKAGE_ROOT, file), 'utf8').split('\n').entries()) {
    if (/^\s*```/.test(line)) {
      isFenced = !isFenced && /^\s*```(sh|bash|console)$/.test(line);
      continue;
    }
    const isIndented = /^ {4}(npx \.|npm |node |sideglance |mosquitto_|minisign |curl |printf |sudo )/.test(line);
    if (!isFenced && !isIndented && begun === '') continue;
    const text = `${begun} ${line.trim().replace(/^\$ /, '')}`.trim();
    begun = text.endsWith('\\') ? text.slice(0, -1).trim() : '';
    if (begun !== '' || text === '' || text.startsWith('#')) continue;
    found.push({ place: `${file}:${index + 1}`, text: text.replace(/\s+#.*$/, '') });
  }
  return found;
}

/** Paths from the root of the project. */
export function filesIn(folder: string, extension: string): string[] {
  if (!existsSync(join(PACKAGE_ROOT, folder))) return [];
  return readdirSync(join(PACKAGE_ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(extension))
    .map((file) => join(folder, file))
    .sort();
}
