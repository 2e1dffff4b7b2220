import { KIND_MEANINGS } from '../kinds.js';
import type { Inspection, RegionResult, Timestamp, Verdict } from '../types.js';

export interface TerminalOptions {
  /** See `wantsColour`. */
  readonly colour: boolean;
  /** Width of the column of station names. */
  readonly stationWidth: number;
}

/** Colour on a terminal only, and not where `NO_COLOR` is set (https://no-color.org). */
export function wantsColour(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  return isTerminal && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
}

/**
 * The line for one part: when it was taken, where, the verdict, score against threshold, the strongest defect, and how
 * long it took from the capture to the verdict. Of several regions the one nearest to (or furthest over) its threshold speaks.
 */
export function partLine(inspection: Inspection, options: TerminalOptions): string {
  const { verdict, part, captured, timings } = inspection;
  const worst = worstRegion(inspection.regions);
  const score = worst === undefined ? '' : `${shortNumber(worst.score)} / ${shortNumber(worst.threshold)}`;
  const told = verdict.result === 'invalid' ? invalidText(verdict) : worst === undefined ? '' : whereText(worst);
  const line = [
    clockTime(captured.utc),
    part.station.padEnd(options.stationWidth),
    paint(verdict.result.toUpperCase().padEnd(7), verdict, options.colour),
    score.padStart(13),
    `${Math.round(timings.total)} ms`.padStart(7),
    told,
  ];
  return `${line.join('  ').trimEnd()}\n`;
}

/** The line for anything else that happens at a station, such as the loss of its camera. */
export function noticeLine(
  at: Timestamp,
  station: string,
  what: string,
  reason: string | null,
  options: TerminalOptions,
): string {
  const text = reason === null ? what : `${what}: ${reason}`;
  return `${clockTime(at.utc)}  ${station.padEnd(options.stationWidth)}  ${text}\n`;
}

function worstRegion(regions: readonly RegionResult[]): RegionResult | undefined {
  const judged = regions.filter(({ score }) => Number.isFinite(score));
  return judged.reduce<RegionResult | undefined>(
    (worst, region) => (worst === undefined || excess(region) > excess(worst) ? region : worst),
    undefined,
  );
}

function excess({ score, threshold }: RegionResult): number {
  return threshold > 0 ? score / threshold : score - threshold;
}

function whereText({ region, verdict, defects }: RegionResult): string {
  if (verdict.result !== 'fail') return region.name;
  const [strongest, ...more] = [...defects].sort((a, b) => b.peak - a.peak);
  if (strongest === undefined) return region.name;
  const { x, y, width, height } = strongest.box;
  const centre = `(${Math.round(x + width / 2)}, ${Math.round(y + height / 2)})`;
  const rest = more.length === 0 ? '' : `, ${more.length} more`;
  return `${region.name} at ${centre} ${KIND_MEANINGS[strongest.kind]}${rest}`;
}

function invalidText({ reason, detail }: Extract<Verdict, { result: 'invalid' }>): string {
  return detail === undefined ? reason : `${reason}: ${detail}`;
}

function clockTime(utc: string): string {
  const at = new Date(utc);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

/** ECMA-48 SGR: green, red, yellow. */
const COLOURS = { pass: 32, fail: 31, invalid: 33 } as const;

function paint(text: string, verdict: Verdict, colour: boolean): string {
  return colour ? `\u001b[${COLOURS[verdict.result]}m${text}\u001b[39m` : text;
}

export interface BrokerAccess {
  readonly host: string;
  readonly port: number;
  readonly needsLogin: boolean;
  readonly encrypted: boolean;
}

/** @param url a valid broker URL, with the port absent where it is the usual one */
export function brokerAccess(url: string, needsLogin: boolean): BrokerAccess {
  const { protocol, hostname, port } = new URL(url);
  const encrypted = protocol === 'mqtts:' || protocol === 'wss:';
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return { host, port: port === '' ? (encrypted ? 8883 : 1883) : Number(port), needsLogin, encrypted };
}

export interface Greeting {
  readonly version: string;
  readonly broker: BrokerAccess;
  readonly rootTopic: string;
  readonly stations: readonly string[];
}

/** What is said at the start: what runs, how to listen, how to stop. */
export function greeting({ version, broker, rootTopic, stations }: Greeting): string {
  const { host, port, needsLogin, encrypted } = broker;
  const login = needsLogin ? ' -u USER -P PASSWORD' : '';
  const certificates = encrypted ? ' --capath /etc/ssl/certs' : '';
  const subscribe = `mosquitto_sub -h ${host} -p ${port}${login}${certificates}`;
  return [
    `sideglance ${version}: ${stations.length === 1 ? 'station' : 'stations'} ${stations.join(', ')}`,
    `  subscribe  ${subscribe} -t '${rootTopic}/+/inspection' -v`,
    // Printed as they are, the bytes of a picture would garble the terminal.
    `             to everything, pictures by their size: … -t '${rootTopic}/#' -F '%t %l bytes'`,
    '  stop       Ctrl-C',
    '',
    '',
  ].join('\n');
}
