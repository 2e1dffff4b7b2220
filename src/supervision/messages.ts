import type { AgentMessage, PartId, StationMessage } from '../types.js';

/** What an agent sends to a station process: first of all what to do, later to stop. */
export type ToStation<Start> = { readonly type: 'start'; readonly start: Start } | AgentMessage;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Checks the shape of what came through the channel of a station process: a station whose memory was corrupted by native
 * code must not bring the agent down. Inside regions and maps only the structure is checked, since this runs for every part.
 *
 * @returns null for anything that is not a station message
 */
export function parseStationMessage(raw: unknown): StationMessage | null {
  if (!isFields(raw)) return null;
  return hasShape(raw) ? (raw as unknown as StationMessage) : null;
}

function hasShape(raw: Fields): boolean {
  switch (raw.type) {
    case 'ready':
      return isRunning(raw) && isText(raw.epoch) && isListOf(raw.passedOver, (one) => isFields(one) && isFailed(one));
    case 'switched':
      return isRunning(raw);
    case 'refused':
      return isFailed(raw);
    case 'building':
      return isText(raw.model) && isBuild(raw.build);
    case 'shadow':
      return raw.report === null || isShadowReport(raw.report);
    case 'shadow-refused':
      return isFailed(raw);
    case 'camera':
      return (
        isText(raw.state) &&
        CAMERA_STATES.has(raw.state) &&
        (raw.reason === null || isText(raw.reason)) &&
        isTimestamp(raw.at)
      );
    case 'accepted':
      return isPart(raw.part) && isTimestamp(raw.captured) && (raw.trigger === null || isNumber(raw.trigger));
    case 'inspection':
      return isInspection(raw.inspection) && isListOf(raw.attachments, isAttachment);
    case 'progress':
      return (
        isNumber(raw.pulls) &&
        isNumber(raw.parts) &&
        isNumber(raw.selfTests) &&
        isNumber(raw.runs) &&
        isNumber(raw.rssBytes) &&
        isNumber(raw.lagMs)
      );
    case 'done':
      return isNumber(raw.id) && isOutcome(raw.outcome);
    case 'fault':
      return (
        isText(raw.code) &&
        isText(raw.message) &&
        typeof raw.fatal === 'boolean' &&
        (raw.part === undefined || isPart(raw.part))
      );
    default:
      return false;
  }
}

const CAMERA_STATES: ReadonlySet<string> = new Set(['opening', 'running', 'silent', 'lost', 'ended']);
const RESULTS: ReadonlySet<unknown> = new Set(['pass', 'fail', 'invalid']);

function isRunning(raw: Fields): boolean {
  return (
    isText(raw.folder) &&
    isText(raw.model) &&
    isText(raw.provider) &&
    isText(raw.precision) &&
    isListOf(raw.skipped, isFailure) &&
    isNumber(raw.threshold)
  );
}

function isFailed(raw: Fields): boolean {
  return isText(raw.folder) && isText(raw.code) && isText(raw.reason);
}

function isFailure(raw: unknown): boolean {
  return isFields(raw) && isText(raw.provider) && isText(raw.reason) && isText(raw.fix);
}

function isBuild(raw: unknown): boolean {
  return (
    isFields(raw) &&
    isText(raw.provider) &&
    isText(raw.precision) &&
    (raw.phase === 'waiting' || raw.phase === 'building') &&
    isNumber(raw.elapsedS)
  );
}

function isShadowReport(raw: unknown): boolean {
  return (
    isFields(raw) &&
    isText(raw.folder) &&
    isText(raw.model) &&
    (raw.purpose === 'promotion' || raw.purpose === 'probation') &&
    isFields(raw.wanted) &&
    [raw.wanted.parts, raw.wanted.minutes].every((one) => one === null || isNumber(one)) &&
    typeof raw.isOver === 'boolean' &&
    [raw.compared, raw.unseen, raw.failed].every(isNumber) &&
    isOutcomes(raw.outcomes) &&
    isListOf(raw.regions, isComparedRegion) &&
    isFields(raw.judgeMs) &&
    isNumber(raw.judgeMs.current) &&
    isNumber(raw.judgeMs.shadow)
  );
}

function isComparedRegion(raw: unknown): boolean {
  return isFields(raw) && isText(raw.name) && isOutcomes(raw.outcomes) && isSpread(raw.current) && isSpread(raw.shadow);
}

function isOutcomes(raw: unknown): boolean {
  return (
    isFields(raw) &&
    [raw.bothPass, raw.bothReject, raw.onlyCurrentRejects, raw.onlyShadowRejects].every((one) => isNumber(one))
  );
}

function isSpread(raw: unknown): boolean {
  return raw === null || (isFields(raw) && isNumber(raw.mean) && isNumber(raw.deviation));
}

function isInspection(raw: unknown): boolean {
  return (
    isFields(raw) &&
    isPart(raw.part) &&
    isTimestamp(raw.captured) &&
    isVerdict(raw.verdict) &&
    isFields(raw.timings) &&
    isNumber(raw.timings.total) &&
    isListOf(raw.regions, isRegionResult)
  );
}

function isRegionResult(raw: unknown): boolean {
  return (
    isFields(raw) &&
    isFields(raw.region) &&
    isText(raw.region.name) &&
    isVerdict(raw.verdict) &&
    isScore(raw.score, raw.verdict) &&
    isScore(raw.threshold, raw.verdict) &&
    isScore(raw.mapThreshold, raw.verdict) &&
    isFields(raw.parts) &&
    isListOf(raw.defects, (defect) => isFields(defect) && isFields(defect.box) && isFields(defect.shares)) &&
    isFields(raw.map) &&
    raw.map.values instanceof Float32Array
  );
}

/** A region that could not be judged has no score. A NaN beside `pass` would be a comparison that silently held. */
function isScore(raw: unknown, verdict: { readonly result?: unknown }): boolean {
  return isNumber(raw) || (typeof raw === 'number' && verdict.result === 'invalid');
}

function isOutcome(raw: unknown): boolean {
  if (!isFields(raw)) return false;
  return raw.ok === true ? isOrderResult(raw.result) : raw.ok === false && isText(raw.code) && isText(raw.message);
}

function isOrderResult(raw: unknown): boolean {
  if (!isFields(raw)) return false;
  switch (raw.kind) {
    case 'snapshot':
      return isFields(raw.snapshot) && isTimestamp(raw.snapshot.captured) && isAttachment(raw.snapshot.picture);
    case 'threshold':
      return isNumber(raw.score);
    case 'calibrate':
      return isFields(raw.threshold) && isNumber(raw.threshold.score) && isNumber(raw.threshold.parts);
    default:
      return raw.kind === 'camera' || raw.kind === 'pause';
  }
}

function isAttachment(raw: unknown): boolean {
  return isFields(raw) && (raw.kind === 'map' || raw.kind === 'frame') && raw.bytes instanceof Uint8Array;
}

function isVerdict(raw: unknown): raw is { readonly result: unknown } {
  return isFields(raw) && RESULTS.has(raw.result) && (raw.result !== 'invalid' || isText(raw.reason));
}

function isPart(raw: unknown): raw is PartId {
  return isFields(raw) && isText(raw.station) && isText(raw.epoch) && isNumber(raw.sequence);
}

function isTimestamp(raw: unknown): boolean {
  return isFields(raw) && isText(raw.utc) && isNumber(raw.monotonicMs);
}

function isListOf(raw: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(raw) && raw.every(isItem);
}

function isFields(raw: unknown): raw is Fields {
  return typeof raw === 'object' && raw !== null;
}

function isText(raw: unknown): raw is string {
  return typeof raw === 'string';
}

/** Finite only: a NaN time would pass every comparison silently. */
function isNumber(raw: unknown): raw is number {
  return Number.isFinite(raw);
}
