import { type DecodedDataSet, type DecodedMetric, decodePayload } from '../../test/publish/sparkplug/support/decode.js';

const TYPES: Readonly<Record<number, string>> = {
  3: 'Int32',
  4: 'Int64',
  10: 'Double',
  11: 'Boolean',
  12: 'String',
  13: 'DateTime',
  16: 'DataSet',
};
const LONGEST_MS = 120_000;

interface Chapter {
  readonly title: string;
  /** DDATA that are shown. */
  readonly most: number;
  readonly lines: string[];
  readonly counts: Map<string, number>;
}

/** What passes on a Sparkplug broker, as text that people can read. Births are shown in full once. */
export class Trace {
  readonly #begunMs = performance.now();
  readonly #chapters: Chapter[] = [];
  readonly #names = new Map<number, string>();
  readonly #shown = new Set<string>();
  #changed: () => void = () => {};
  /** Messages beside Sparkplug: the parts that were inspected. */
  parts = 0;

  begin(title: string, most: number): void {
    this.#chapters.push({ title, most, lines: [], counts: new Map() });
  }

  /** Messages of a kind in this chapter; `live` and `history` are those of which the first metric is. */
  count(verb: string, kind?: 'live' | 'history'): number {
    return this.#chapters.at(-1)?.counts.get(kind === undefined ? verb : `${verb} ${kind}`) ?? 0;
  }

  async until(isSo: () => boolean): Promise<void> {
    const giveUpAt = performance.now() + LONGEST_MS;
    while (!isSo()) {
      if (performance.now() > giveUpAt) throw new Error(`${LONGEST_MS} ms in vain; so far:\n${this.text()}`);
      await new Promise<void>((done) => {
        const timer = setTimeout(done, 1_000);
        this.#changed = () => {
          clearTimeout(timer);
          done();
        };
      });
    }
  }

  note(topic: string, bytes: Buffer): void {
    if (!topic.startsWith('spBv1.0/')) {
      this.parts++;
      this.#changed();
      return;
    }
    const chapter = this.#chapters.at(-1);
    if (!chapter) return;
    const [, second, verb = '', , device] = topic.split('/');
    const at = `+${((performance.now() - this.#begunMs) / 1000).toFixed(3)} s  ${topic}`;
    if (second === 'STATE') chapter.lines.push(at, `    ${bytes}`);
    else this.#noteMessage(chapter, at, verb, device, bytes);
    this.#changed();
  }

  text(): string {
    return this.#chapters
      .map(({ title, most, lines, counts }) => {
        const left = (counts.get('DDATA') ?? 0) - most;
        const more = left > 0 ? [`(${left} more DDATA)`] : [];
        return `**${title}**\n\n\`\`\`text\n${[...lines, ...more].join('\n')}\n\`\`\`\n`;
      })
      .join('\n');
  }

  #noteMessage(chapter: Chapter, at: string, verb: string, device: string | undefined, bytes: Buffer): void {
    const { seq, metrics } = decodePayload(bytes);
    const kind = metrics[0]?.isHistorical ? 'history' : 'live';
    for (const key of [verb, `${verb} ${kind}`]) chapter.counts.set(key, (chapter.counts.get(key) ?? 0) + 1);
    if (verb.endsWith('BIRTH')) {
      for (const { alias, name } of metrics) if (alias !== null && name !== null) this.#names.set(alias, name);
    }
    if (verb === 'DDATA' && this.count(verb) > chapter.most) return;
    const facts = [
      seq === null ? 'no seq' : `seq ${seq}`,
      `${bytes.length} bytes`,
      ...(kind === 'history' ? ['history'] : []),
    ];
    chapter.lines.push(`${at}  ${facts.join(', ')}`);
    const whose = `${verb} ${device}`;
    if (verb.endsWith('BIRTH') && this.#shown.has(whose)) {
      const bdSeq = metrics.filter(({ name }) => name === 'bdSeq').map((metric) => this.#line(metric));
      chapter.lines.push(...bdSeq, `    … ${metrics.length} metrics, as above`);
      return;
    }
    this.#shown.add(whose);
    chapter.lines.push(...metrics.map((metric) => this.#line(metric)));
  }

  #line({ name, alias, datatype, isHistorical, isNull, value, timestamp, properties }: DecodedMetric): string {
    const known = name ?? `${this.#names.get(alias ?? 0)}`;
    const which = `${alias === null ? '' : `#${alias} `}${known}`.padEnd(30);
    const type = datatype === null ? '' : ` ${(TYPES[datatype] ?? '').padEnd(8)}`;
    const unit = properties?.values[properties.keys.indexOf('engUnit')]?.value;
    const time = timestamp === null ? ' '.repeat(12) : new Date(timestamp).toISOString().slice(11, 23);
    const shown = isNull ? 'null' : shownValue(value);
    return `    ${time} ${which}${type} ${shown}${unit === undefined ? '' : ` ${unit}`}${isHistorical ? '  historical' : ''}`;
  }
}

function shownValue(value: DecodedMetric['value']): string {
  if (value === null || typeof value !== 'object')
    return typeof value === 'string' ? JSON.stringify(value) : `${value}`;
  const { columns, rows } = value as DecodedDataSet;
  const table = rows.map((row) => `(${row.map((one) => one.value).join(', ')})`);
  return `${rows.length} rows of (${columns.join(', ')})${table.length === 0 ? '' : `: ${table.slice(0, 2).join(' ')}`}`;
}
