import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml';
import type { Path, Position } from './faults.js';

/** A YAML file that still knows where everything stands. */
export interface LocatedYaml {
  readonly value: unknown;
  /** Faults of the YAML itself. `fatal`: the rest of the file could not be understood. */
  readonly faults: readonly { readonly at: Position; readonly message: string; readonly fatal: boolean }[];
  /** Where the value at `path` stands; the nearest enclosing value where there is none. */
  locate(path: Path): Position;
  /** Where the key that ends `path` stands. */
  locateKey(path: Path): Position;
}

export function parseLocatedYaml(text: string): LocatedYaml {
  const lines = new LineCounter();
  // prettyErrors would quote the line, which may hold a password.
  const document: Document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const position = (offset: number | undefined): Position => {
    const { line, col } = lines.linePos(offset ?? 0);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const faults = document.errors.map((error) => ({
    at: position(error.pos[0]),
    message: error.code === 'DUPLICATE_KEY' ? 'stands here a second time' : firstSentence(error.message),
    fatal: error.code !== 'DUPLICATE_KEY',
  }));
  return {
    // Aliases that cannot be resolved, or that multiply beyond measure, throw here; both are in `errors` or of no use.
    value: faults.some((fault) => fault.fatal) ? undefined : document.toJS({ maxAliasCount: 100 }),
    faults,
    locate: (path) => position(startOf(descend(document, path).node)),
    locateKey: (path) => {
      const { pair, node } = descend(document, path);
      return position(startOf((pair?.key as Node | undefined) ?? node));
    },
  };
}

/** Follows `path` as far as the document goes. `pair` is the map entry that the path ends at, if it ends at one. */
function descend(document: Document, path: Path): { node: Node | null; pair: Pair | null } {
  let node: Node | null = document.contents as Node | null;
  let pair: Pair | null = null;
  for (const step of path) {
    const target: unknown = isAlias(node) ? node.resolve(document) : node;
    if (isMap(target)) {
      const entry = target.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (entry === undefined) return { node, pair: null };
      pair = entry as Pair;
      node = (entry.value ?? entry.key) as Node | null;
    } else if (isSeq(target) && typeof step === 'number' && step < target.items.length) {
      pair = null;
      node = (target.items[step] ?? node) as Node | null;
    } else {
      return { node, pair: null };
    }
  }
  return { node, pair };
}

function startOf(node: Node | null): number | undefined {
  return node?.range?.[0];
}

function firstSentence(message: string): string {
  return message.split('\n', 1)[0] ?? message;
}
