import assert from 'node:assert/strict';

/**
 * A strict reader of OpenMetrics 1.0 (https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md),
 * for the types that are served here. It throws at the first line that the specification does not allow.
 */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total', '_created'],
  gauge: [''],
  histogram: ['_bucket', '_count', '_sum', '_created'],
};
const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const NUMBER = '(?:NaN|[+-]?Inf|[+-]?[0-9]*\\.?[0-9]+(?:[eE][+-]?[0-9]+)?)';
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)?\\})? (${NUMBER})$`);

export function parseOpenMetrics(text: string): Map<string, Family> {
  assert.ok(text.endsWith('\n# EOF\n'), 'ends with # EOF and a line feed');
  const families = new Map<string, Family>();
  let family = null as Family | null;
  for (const line of text.slice(0, -'# EOF\n'.length).split('\n').slice(0, -1)) {
    const metadata = new RegExp(`^# (HELP|TYPE) (${NAME}) (.*)$`).exec(line);
    if (metadata) {
      const [, keyword, name, rest] = metadata as unknown as [string, 'HELP' | 'TYPE', string, string];
      if (family?.name !== name) {
        assert.ok(!families.has(name), `${name} is described twice, or its samples are not together`);
        family = { name, type: '', help: '', samples: [] };
        families.set(name, family);
      }
      const field = keyword === 'HELP' ? 'help' : 'type';
      assert.equal(family[field], '', `${name} has two lines ${keyword}`);
      assert.equal(family.samples.length, 0, `${keyword} of ${name} stands after its samples`);
      if (keyword === 'TYPE') assert.ok(rest in SUFFIXES, `type ${rest} of ${name}`);
      else assert.match(rest, /^(?:[^\\"]|\\["\\n])+$/, `help of ${name}`);
      Object.assign(family, { [field]: rest });
      continue;
    }
    const [, name, labels, value] = (SAMPLE.exec(line) ?? []) as [string?, string?, string?, string?];
    assert.ok(name !== undefined && value !== undefined, `no line of OpenMetrics: ${JSON.stringify(line)}`);
    const own = family;
    assert.ok(own !== null, `${name} has no metadata`);
    assert.ok(
      SUFFIXES[own.type]?.some((suffix) => own.name + suffix === name),
      `${name} is no sample of ${own.name}`,
    );
    own.samples.push({ name, labels: labelsOf(labels), value: Number(value.replace('Inf', 'Infinity')) });
  }
  for (const one of families.values()) check(one);
  return families;
}

function labelsOf(text = ''): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name, value] of text.matchAll(/([a-zA-Z0-9_]+)="((?:[^"\\\n]|\\["\\n])*)"/g)) {
    assert.ok(name !== undefined && value !== undefined && !(name in labels), `label ${name} twice`);
    labels[name] = value.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
  }
  return labels;
}

function check(family: Family): void {
  const { name, type, samples } = family;
  assert.ok(type !== '', `${name} has no type`);
  const keys = samples.map((sample) => `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`);
  assert.equal(new Set(keys).size, keys.length, `${name} has a sample twice`);
  if (type === 'counter') for (const { value } of samples) assert.ok(value >= 0, `${name} is ${value}`);
  if (type === 'histogram') checkHistogram(family);
}

function checkHistogram({ name, samples }: Family): void {
  const points = new Map<string, Sample[]>();
  let last = '';
  for (const sample of samples) {
    const { le, ...labels } = sample.labels;
    assert.equal(le !== undefined, sample.name === `${name}_bucket`, `label le of ${sample.name}`);
    const key = JSON.stringify(labels);
    assert.ok(key === last || !points.has(key), `samples of ${name}${key} are not together`);
    points.set(key, [...(points.get(key) ?? []), sample]);
    last = key;
  }
  for (const [key, point] of points) {
    const buckets = point.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => labels.le as string);
    assert.equal(bounds.at(-1), '+Inf', `${name}${key} lacks the last bucket`);
    const numbers = bounds.map((bound) => Number(bound.replace('+Inf', 'Infinity')));
    numbers.forEach((bound, i) => {
      assert.ok(i === 0 || bound > (numbers[i - 1] as number), `buckets of ${name} are in no order`);
      // Numbers that are whole have to be written as `1.0`.
      assert.ok(!Number.isInteger(bound) || bounds[i]?.includes('.'), `bound ${bounds[i]} of ${name} is not canonical`);
      const grows = i === 0 || (buckets[i]?.value as number) >= (buckets[i - 1]?.value as number);
      assert.ok(grows, `${name}${key} does not grow`);
    });
    const one = (suffix: string) => point.filter((sample) => sample.name === name + suffix).map(({ value }) => value);
    assert.deepEqual(one('_count'), [buckets.at(-1)?.value], `${name}${key} counts differently`);
    assert.equal(one('_sum').length, 1);
    assert.ok((one('_sum')[0] as number) >= 0);
  }
}

/** The value of one sample; undefined where there is none. */
export function sampleValue(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const all = [...families.values()].flatMap(({ samples }) => samples);
  return all.find(
    (sample) =>
      sample.name === name &&
      Object.keys(sample.labels).length === Object.keys(labels).length &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  )?.value;
}
