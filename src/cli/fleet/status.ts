import { fits } from '../../commands/cohort.js';
import type { FleetDevice, FleetUpdate } from '../../fleet/fleet.js';
import { hasFailed } from '../../fleet/tally.js';
import { deviceName } from '../../model/bundle/target.js';
import { type AccessOptions, openFleet } from './access.js';

export interface SelectionOptions {
  readonly site: readonly string[];
  readonly line: readonly string[];
  readonly device: readonly string[];
}

export interface StatusOptions extends AccessOptions, SelectionOptions {
  readonly model?: string;
  readonly json?: true;
  readonly check?: true;
}

/** `fleet status` @returns the exit code */
export async function status(options: StatusOptions): Promise<number> {
  const { connection, fleet } = await openFleet(options);
  await connection.close();
  const selection = { ...selectionOf(options), percent: 100 };
  const devices = fleet
    .devices()
    .filter(({ device }) => fits(selection, device))
    .map((one) => (options.model === undefined ? one : only(options.model, one)))
    .filter((one) => options.model === undefined || one.stations.length + one.updates.length > 0);
  const failed = devices.filter(({ updates: [last] }) => last !== undefined && hasFailed(last));
  const summary = {
    devices: devices.length,
    online: devices.filter(({ isOnline }) => isOnline === true).length,
    failed: failed.length,
    models: counted(devices.flatMap(({ stations }) => stations.map(({ model }) => model ?? 'none'))),
    phases: counted(devices.map(({ updates: [last] }) => last?.phase ?? 'none')),
  };
  if (options.json) process.stdout.write(`${JSON.stringify({ devices, summary }, null, 2)}\n`);
  else process.stdout.write(`${[...tableOf(devices), '', summaryText(summary)].join('\n')}\n`);
  return options.check && failed.length > 0 ? 1 : 0;
}

/** Patterns that were given; what was not is left out. */
export function selectionOf({ site, line, device }: SelectionOptions) {
  return {
    ...(site.length > 0 && { sites: [...site] }),
    ...(line.length > 0 && { lines: [...line] }),
    ...(device.length > 0 && { devices: [...device] }),
  };
}

function only(model: string, { stations, updates, ...rest }: FleetDevice): FleetDevice {
  return {
    ...rest,
    stations: stations.filter((station) => station.model?.startsWith(`${model}@`)),
    updates: updates.filter((update) => update.model === model),
  };
}

const HEADINGS = ['DEVICE', 'ONLINE', 'RUNS', 'UPDATE', 'PHASE', '%', 'REASON'];

function tableOf(devices: readonly FleetDevice[]): string[] {
  const rows = devices.map(({ device, isOnline, stations, updates: [last] }) => [
    deviceName(device),
    isOnline === null ? '?' : isOnline ? 'yes' : 'no',
    runs(stations),
    ...(last === undefined ? ['-', '-', '', ''] : updateCells(last)),
  ]);
  const all = [HEADINGS, ...rows].map((cells) => cells.map(printable));
  const widths = HEADINGS.map((_, column) => Math.max(...all.map((cells) => cells[column]?.length ?? 0)));
  return all.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function updateCells({ model, version, phase, percent, code, reason }: FleetUpdate): string[] {
  const what = model === null ? '?' : `${model}@${version ?? '?'}`;
  const why = [code, reason].filter((text) => text !== null).join(' ');
  return [what, phase, percent === null ? '' : String(percent), why];
}

/** One name where all stations run the same. */
function runs(stations: FleetDevice['stations']): string {
  const [first] = stations;
  if (first === undefined) return '-';
  if (stations.every(({ model }) => model === first.model)) return first.model ?? 'none';
  return stations.map(({ name, model }) => `${name}=${model ?? 'none'}`).join(' ');
}

/** What a device wrote may hold anything. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?').slice(0, 160);
}

function counted(texts: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const text of [...texts].sort()) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}

function summaryText({
  devices,
  online,
  failed,
  models,
  phases,
}: {
  readonly devices: number;
  readonly online: number;
  readonly failed: number;
  readonly models: Readonly<Record<string, number>>;
  readonly phases: Readonly<Record<string, number>>;
}): string {
  const some = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([text, count]) => `${count} × ${printable(text)}`)
      .join(', ');
  return [
    `${devices} device${devices === 1 ? '' : 's'}, ${online} online, ${failed} refused or rolled back`,
    `stations run: ${some(models) || 'nothing'}`,
    `last updates: ${some(phases) || 'none'}`,
  ].join('\n');
}
