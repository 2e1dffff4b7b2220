import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { HttpSchema } from '../../src/config/service.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { Alarms } from '../../src/service/alarms/alarms.js';
import { METRICS, type MetricDefinition } from '../../src/service/metrics/catalogue.js';
import { Metrics } from '../../src/service/metrics/metrics.js';
import { wellHealth } from '../support/condition.js';
import { parseOpenMetrics } from '../support/openmetrics.js';

const RULES = join(PACKAGE_ROOT, 'deploy/prometheus/sideglance.rules.yml');
const CONFIG = join(PACKAGE_ROOT, 'deploy/prometheus/prometheus.yml');
const DASHBOARD = join(PACKAGE_ROOT, 'deploy/grafana/sideglance.json');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}
interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const rules = (parse(readFileSync(RULES, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
const dashboard = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as {
  panels: Panel[];
  templating: { list: { definition?: string }[] };
  annotations: { list: { expr: string }[] };
};
const targets = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })));

/** What Prometheus adds to every series. */
const ADDED = ['job', 'instance'];
/** Of histograms there is more than the name that they are described by. */
const SUFFIXES: Readonly<Record<MetricDefinition['type'], readonly string[]>> = {
  counter: [''],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
};

let served: ReadonlySet<string>;
before(async () => {
  const heat = { temperatures: new Map(), cooling: new Map(), throttleEvents: null };
  const text = await new Metrics([]).text({
    health: wellHealth(),
    heat,
    alarms: new Alarms([], () => ({ utc: '', monotonicMs: 0 })),
    outboxAgeMs: { verdict: 0, map: 0, frame: 0 },
    droppedOutput: { stdout: 0, stderr: 0 },
  });
  const families = [...parseOpenMetrics(text).values()];
  served = new Set(families.map(({ name, type }) => (type === 'counter' ? `${name}_total` : name)));
});

/** Every series that an expression asks for, with the labels in its braces. */
function selectorsOf(expr: string): { readonly name: string; readonly labels: string[] }[] {
  return [...expr.matchAll(/\b(sideglance_[a-z0-9_]+)(?:\{([^}]*)\})?/g)].map(([, name, matchers = '']) => ({
    name: name as string,
    labels: [...matchers.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label]) => label as string),
  }));
}

function definitionOf(name: string): MetricDefinition {
  const found = Object.values<MetricDefinition>(METRICS).find((one) =>
    SUFFIXES[one.type].some((suffix) => one.name + suffix === name),
  );
  assert.ok(found, `there is no metric ${name}`);
  assert.ok(served.has(found.name), `${name} is not served`);
  return found;
}

function labelsOf(name: string): string[] {
  const { type, labels } = definitionOf(name);
  return [...labels, ...(type === 'histogram' && name.endsWith('_bucket') ? ['le'] : []), ...ADDED];
}

function checkExpression(expr: string, where: string): void {
  const selectors = selectorsOf(expr);
  assert.ok(selectors.length > 0 || /\bup\{/.test(expr), `${where} asks for no metric: ${expr}`);
  for (const { name, labels } of selectors) {
    const known = labelsOf(name);
    for (const label of labels) assert.ok(known.includes(label), `${where}: ${name} has no label ${label}`);
  }
  const all = new Set(selectors.flatMap(({ name }) => labelsOf(name)));
  for (const [, list = ''] of expr.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)) {
    for (const label of list.split(',').map((one) => one.trim())) {
      assert.ok(all.has(label), `${where}: nothing has a label ${label}: ${expr}`);
    }
  }
}

describe('the alert rules', () => {
  test('name metrics and labels that are served', () => {
    assert.ok(rules.length > 10);
    for (const { alert, expr } of rules) checkExpression(expr, alert);
  });

  test('say what is wrong and what to do, with labels that the alert has', () => {
    assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
    for (const { alert, expr, labels, annotations } of rules) {
      assert.match(labels.severity, /^(critical|warning)$/, alert);
      assert.ok(annotations.summary.length > 10 && annotations.description.length > 10, alert);
      const kept = expr.startsWith('up{') ? ADDED : selectorsOf(expr).flatMap(({ name }) => labelsOf(name));
      const grouped = /^\s*(?:sum|max) by \(([^)]*)\)/
        .exec(expr)?.[1]
        ?.split(',')
        .map((one) => one.trim());
      for (const [, label = ''] of `${annotations.summary} ${annotations.description}`.matchAll(
        /\$labels\.([a-z]+)/g,
      )) {
        assert.ok((grouped ?? kept).includes(label), `${alert} has no label ${label}`);
      }
    }
  });

  test('promtool takes them', (t) => {
    const found = spawnSync('promtool', ['--version'], { stdio: 'ignore' });
    if (found.error) return t.skip('promtool is not installed (Debian package prometheus)');
    const { status, stderr } = spawnSync('promtool', ['check', 'config', CONFIG], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });

  test('the scrape configuration asks at the default port, and loads the rules', () => {
    const { rule_files, scrape_configs } = parse(readFileSync(CONFIG, 'utf8'));
    const { host, port } = HttpSchema.parse({});
    assert.deepEqual(scrape_configs[0].static_configs[0].targets, [`${host}:${port}`]);
    assert.equal(scrape_configs[0].job_name, 'sideglance');
    assert.deepEqual(rule_files, ['sideglance.rules.yml']);
  });
});

describe('the dashboard', () => {
  test('names metrics and labels that are served', () => {
    assert.ok(targets.length > 20);
    for (const { title, expr } of targets) checkExpression(expr, title);
    for (const { expr } of dashboard.annotations.list) checkExpression(expr, 'annotation');
    for (const { definition } of dashboard.templating.list) if (definition) checkExpression(definition, 'variable');
  });

  test('names its lines by labels that they have', () => {
    for (const { title, expr, legendFormat } of targets) {
      const grouped = /\bby \(([^)]*)\)/
        .exec(expr)?.[1]
        ?.split(',')
        .map((one) => one.trim());
      const kept = grouped ?? selectorsOf(expr).flatMap(({ name }) => labelsOf(name));
      for (const [, label = ''] of legendFormat.matchAll(/\{\{([a-z]+)\}\}/g)) {
        assert.ok(kept.includes(label), `${title}: no label ${label}`);
      }
    }
  });

  test('shows every metric, or the alert rules watch it', () => {
    const used = new Set(
      [...targets, ...rules].flatMap(({ expr }) => selectorsOf(expr)).map(({ name }) => definitionOf(name).name),
    );
    const unseen = Object.values<MetricDefinition>(METRICS)
      .map(({ name }) => name)
      .filter((name) => !used.has(name));
    // For queries by hand.
    assert.deepEqual(unseen, [
      'sideglance_agent_info',
      'sideglance_agent_uptime_seconds',
      'sideglance_parts_accepted_total',
      'sideglance_late_verdicts_total',
      'sideglance_region_threshold',
      'sideglance_broker_connections_total',
      'sideglance_outbox_messages_in_flight',
      'sideglance_outbox_unsynced_messages',
      'sideglance_outbox_written_bytes_total',
      'sideglance_outbox_stored_total',
      'sideglance_outbox_delivered_total',
      'sideglance_outbox_gaps_announced_total',
      'sideglance_outbox_gaps_refused_total',
      'sideglance_sparkplug_births_total',
    ]);
  });
});
