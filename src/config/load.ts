import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { reasonOf, SideglanceError } from '../errors.js';
import { fromFile, readPassword, secretFromFile } from './checks.js';
import { parseLocatedYaml } from './document.js';
import { faultsOfIssues, type Position, pathText } from './faults.js';
import { resolveDownload } from './model-download.js';
import { idInStore } from './model-store.js';
import { DEMO_MODEL, relationFaults } from './relations.js';
import {
  type Config,
  ConfigSchema,
  type InferConfig,
  type ModelsConfig,
  type ThresholdConfig,
  type WrittenConfig,
} from './schema.js';

/**
 * Reads and checks a configuration file.
 *
 * @throws SG_CONFIG_UNREADABLE when the file cannot be read
 * @throws SG_CONFIG_INVALID naming every fault, each on a line `FILE:LINE:COLUMN path message`
 */
export function loadConfig(path: string): Config {
  const file = resolve(path);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new SideglanceError('SG_CONFIG_UNREADABLE', `cannot read the configuration ${path}: ${reasonOf(cause)}`, {
      cause,
    });
  }
  return resolveConfig(checkConfig(text, file), file);
}

function checkConfig(text: string, file: string): WrittenConfig {
  const yaml = parseLocatedYaml(text);
  const lines = yaml.faults.map(({ at, message }) => ({ at, text: message }));
  if (!yaml.faults.some((fault) => fault.fatal)) {
    const value = yaml.value ?? {};
    const parsed = ConfigSchema.safeParse(value);
    const faults = [
      ...(parsed.success ? [] : faultsOfIssues(parsed.error.issues, value)),
      ...relationFaults(value, file),
    ];
    for (const { path, message, atKey } of faults) {
      lines.push({
        at: atKey ? yaml.locateKey(path) : yaml.locate(path),
        text: `${pathText(path)} ${message}`.trimStart(),
      });
    }
    if (parsed.success && lines.length === 0) return parsed.data;
  }
  lines.sort((a, b) => byPosition(a.at, b.at));
  const label = shortName(file);
  const report = lines.map(({ at, text }) => `${label}:${at.line}:${at.column} ${text}`);
  const count = report.length === 1 ? 'a fault' : `${report.length} faults`;
  throw new SideglanceError('SG_CONFIG_INVALID', `the configuration has ${count}:\n${report.join('\n')}`);
}

function byPosition(a: Position, b: Position): number {
  return a.line - b.line || a.column - b.column;
}

function shortName(file: string): string {
  const short = relative(process.cwd(), file);
  return short.startsWith('..') ? file : short;
}

/** Makes paths absolute, reads passwords, and turns `auto` into numbers. */
function resolveConfig(written: WrittenConfig, file: string): Config {
  const { tls, ...rest } = withPassword(written.mqtt, file);
  const mqtt = { ...rest, outbox: { ...rest.outbox, folder: folderFor('outbox', rest.outbox.folder, file) } };
  const bundles = folderFor('models', written.models.store, file);
  const { store, ...sparkplug } = withPassword(written.sparkplug, file);
  return {
    file,
    stateFolder: stateFolder(file),
    device: written.device,
    mqtt: tls === undefined ? mqtt : { ...mqtt, tls: resolveTls(tls, file) },
    sparkplug: { ...sparkplug, store: { ...store, folder: folderFor('sparkplug', store.folder, file) } },
    stations: written.stations.map((station) => ({
      ...station,
      camera: resolveCamera(station.camera, file),
      model: resolveModel(station.model, bundles, file),
      threshold: station.threshold as ThresholdConfig,
    })),
    commands: { ...written.commands, folder: folderFor('commands', written.commands.folder, file) },
    models: resolveModels(written.models, bundles, file),
    infer: resolveInfer(written, file),
    ...(written.http === undefined ? {} : { http: written.http }),
    log: written.log,
  };
}

function resolveModel(model: string | undefined, store: string, file: string): string {
  if (model === undefined) return DEMO_MODEL;
  const id = idInStore(model);
  return id === null ? fromFile(file, model) : join(store, id);
}

function resolveModels(written: WrittenConfig['models'], store: string, file: string): ModelsConfig {
  const { keys, inbox, download, ...rest } = written;
  return {
    ...rest,
    store,
    download: resolveDownload(download, file),
    ...(keys === undefined ? {} : { keys: fromFile(file, keys) }),
    ...(inbox === undefined ? {} : { inbox: fromFile(file, inbox) }),
  };
}

/** A folder that the configuration names, or one of this name in the folder for state. */
function folderFor(name: string, folder: string | undefined, file: string): string {
  return folder === undefined ? join(stateFolder(file), name) : fromFile(file, folder);
}

/** systemd names the folders of `StateDirectory=` in STATE_DIRECTORY, between colons. */
function stateFolder(file: string): string {
  const [given] = (process.env.STATE_DIRECTORY ?? '').split(':');
  return given ? given : fromFile(file, 'var');
}

function resolveInfer({ infer, stations }: WrittenConfig, file: string): InferConfig {
  const { library, threads, tensorrt, ...rest } = infer;
  const { cache, calibrationTable, ...settings } = tensorrt;
  return {
    ...rest,
    threads: threads === 'auto' ? threadsEach(stations.length) : threads,
    tensorrt: {
      ...settings,
      ...(cache === undefined ? {} : { cache: fromFile(file, cache) }),
      ...(calibrationTable === undefined ? {} : { calibrationTable: fromFile(file, calibrationTable) }),
    },
    ...(library === undefined ? {} : { library: fromFile(file, library) }),
  };
}

function resolveCamera(camera: WrittenConfig['stations'][number]['camera'], file: string) {
  if (camera.type === 'rtsp') return withPassword(camera, file);
  if (camera.type === 'files') return { ...camera, path: fromFile(file, camera.path) };
  return camera;
}

function withPassword<T extends { password?: string; passwordFile?: string }>(group: T, file: string) {
  const { passwordFile, ...rest } = group;
  return passwordFile === undefined ? rest : { ...rest, password: readPassword(secretFromFile(file, passwordFile)) };
}

function resolveTls(tls: NonNullable<WrittenConfig['mqtt']['tls']>, file: string) {
  const { serverName, ...files } = tls;
  const paths = Object.fromEntries(Object.entries(files).map(([key, path]) => [key, secretFromFile(file, path)]));
  return { ...(paths as typeof files), ...(serverName === undefined ? {} : { serverName }) };
}

function threadsEach(stations: number): number {
  return Math.max(1, Math.floor(availableParallelism() / stations));
}

/** A copy that can be logged or shown: passwords are replaced. */
export function redact<T>(value: T): T {
  return JSON.parse(JSON.stringify(value, (key, inner) => (key === 'password' ? '…' : inner))) as T;
}
