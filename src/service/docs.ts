import { LOG_MODULES } from '../config/service.js';
import { EVENTS, type EventName, moduleOf } from './events.js';
import { METRICS, type MetricDefinition } from './metrics/catalogue.js';

/** The generated documents about watching the daemon, by their path in the project; `scripts/generate-docs.mjs` writes them. */
export function generatedServiceDocs(): Readonly<Record<string, string>> {
  return { 'docs/monitoring-reference.md': reference() };
}

function reference(): string {
  const metrics = Object.values<MetricDefinition>(METRICS).map(({ name, type, labels, help }) =>
    row([`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(', '), help]),
  );
  const events = (Object.keys(EVENTS) as EventName[])
    .sort((a, b) => LOG_MODULES.indexOf(moduleOf(a)) - LOG_MODULES.indexOf(moduleOf(b)))
    .map((name) => row([`\`${name}\``, EVENTS[name]]));
  const buckets = Object.values<MetricDefinition>(METRICS)
    .filter(({ type }) => type === 'histogram')
    .map(({ name, buckets: bounds }) => row([`\`${name}\``, (bounds ?? []).join(', ')]));
  return `# Metrics and events

<!-- Generated from src/service/metrics/catalogue.ts and src/service/events.ts by \`npm run docs\`. -->

What they are for, and how to read them: [monitoring.md](monitoring.md).

## Metrics

| metric | type | labels | |
|---|---|---|---|
${metrics.join('\n')}

Upper bounds of the histograms:

| metric | buckets |
|---|---|
${buckets.join('\n')}

## Events of the log

The part before the dot is the module, for which \`log.modules\` may set a level.

| event | |
|---|---|
${events.join('\n')}
`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
