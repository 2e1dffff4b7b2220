import type { Defect, Inspection, ModelInUse, RegionResult, Verdict } from '../../types.js';
import type { CameraEvent } from '../compose.js';
import type { MetricDefinition, Values } from './metric-set.js';
import type { Column, Rows } from './payload.js';

const LIMITS = { defectsListed: 50 } as const;

const DEFECT_COLUMNS: readonly Column[] = [
  { name: 'X', type: 'Int32' },
  { name: 'Y', type: 'Int32' },
  { name: 'Width', type: 'Int32' },
  { name: 'Height', type: 'Int32' },
  { name: 'Area', type: 'Double' },
  { name: 'Peak', type: 'Double' },
  { name: 'Kind', type: 'String' },
];

const PART: readonly MetricDefinition[] = [
  { name: 'Part/Verdict', type: 'String', documentation: 'pass, fail or invalid; treat invalid as reject.' },
  { name: 'Part/Reason', type: 'String', documentation: 'Why a part is invalid; null where it is not.' },
  { name: 'Part/Number', type: 'Int64', documentation: 'Counts the parts of this station since its process started.' },
  { name: 'Part/Epoch', type: 'String', documentation: 'Another one after each start of the station process.' },
  { name: 'Part/Duration', type: 'Double', unit: 'ms', documentation: 'From the frame to the verdict.' },
];

const COUNTS: readonly MetricDefinition[] = [
  ...(['Total', 'Pass', 'Fail', 'Invalid'] as const).map(
    (name): MetricDefinition => ({
      name: `Counts/${name}`,
      type: 'Int64',
      unit: 'parts',
      documentation: `${name === 'Total' ? 'Parts' : `Parts with the verdict ${name.toLowerCase()}`} since the agent started.`,
      initial: 0,
    }),
  ),
  { name: 'Rates/Parts', type: 'Double', unit: '1/min', documentation: 'Parts a minute, over the last minute.' },
  {
    name: 'Rates/Rejects',
    type: 'Double',
    unit: '%',
    range: [0, 100],
    documentation: 'Share of the parts of the last minute that did not pass; null where there were none.',
  },
];

const STATION: readonly MetricDefinition[] = [
  { name: 'Model/Id', type: 'String', documentation: '<id>@<version> of the model that is in use.' },
  { name: 'Model/Provider', type: 'String', documentation: 'The execution provider that runs it.' },
  { name: 'Model/Precision', type: 'String', documentation: 'The precision that it runs in.' },
  { name: 'Camera/State', type: 'String', documentation: 'opening, running, silent, lost or ended.' },
  { name: 'Camera/Reason', type: 'String', documentation: 'Why the camera is in that state; null where it just is.' },
  {
    name: 'Camera/Outages',
    type: 'Int64',
    documentation: 'How often it went silent or was lost since the agent started.',
    initial: 0,
  },
  {
    name: 'History/Dropped',
    type: 'Int64',
    unit: 'messages',
    documentation: 'Messages of this station that were dropped before they could be sent, since the agent started.',
    initial: 0,
  },
  { name: 'History/Dropped From', type: 'DateTime', documentation: 'The first message of the last gap.' },
  { name: 'History/Dropped To', type: 'DateTime', documentation: 'The last message of the last gap.' },
];

/** The metrics of a station and its regions, without those that commands bring. */
export function deviceDefinitions(regions: readonly string[]): MetricDefinition[] {
  return [...PART, ...COUNTS, ...STATION, ...regions.flatMap(regionDefinitions)];
}

function regionDefinitions(region: string): MetricDefinition[] {
  const at = `Regions/${region}`;
  return [
    { name: `${at}/Verdict`, type: 'String', documentation: 'pass, fail or invalid; null where it was not looked at.' },
    { name: `${at}/Reason`, type: 'String', documentation: 'Why it is invalid; null where it is not.' },
    {
      name: `${at}/Score`,
      type: 'Double',
      documentation: 'The higher the stranger; comparable within one model only.',
    },
    { name: `${at}/Threshold`, type: 'Double', documentation: 'The score from which the region fails.' },
    {
      name: `${at}/P-Value`,
      type: 'Double',
      range: [0, 1],
      documentation: 'Share of good parts that would score at least as high.',
    },
    { name: `${at}/Defect Count`, type: 'Int32', documentation: 'All of them, also those that are not listed.' },
    {
      name: `${at}/Defects`,
      type: 'DataSet',
      unit: 'px',
      documentation: `The strongest ${LIMITS.defectsListed}: box and area in frame pixels, highest score, leading evidence.`,
      columns: DEFECT_COLUMNS,
      initial: [],
    },
  ];
}

/** What a part says. A region that it has no result for was not looked at: its metrics are null. */
export function partValues({ part, verdict, timings, regions }: Inspection, names: readonly string[]): Values {
  const results = new Map(regions.map((result) => [result.region.name, result]));
  return {
    'Part/Verdict': verdict.result,
    'Part/Reason': reasonOf(verdict),
    'Part/Number': part.sequence,
    'Part/Epoch': part.epoch,
    'Part/Duration': finite(timings.total),
    ...Object.assign({}, ...names.map((name) => regionValues(name, results.get(name)))),
  };
}

function regionValues(name: string, result: RegionResult | undefined): Values {
  const at = `Regions/${name}`;
  return {
    [`${at}/Verdict`]: result?.verdict.result ?? null,
    [`${at}/Reason`]: result ? reasonOf(result.verdict) : null,
    [`${at}/Score`]: finite(result?.score),
    [`${at}/Threshold`]: finite(result?.threshold),
    [`${at}/P-Value`]: finite(result?.pValue),
    [`${at}/Defect Count`]: result?.defects.length ?? null,
    [`${at}/Defects`]: result ? defectRows(result.defects) : null,
  };
}

function defectRows(defects: readonly Defect[]): Rows {
  const strongestFirst = [...defects].sort((a, b) => b.peak - a.peak).slice(0, LIMITS.defectsListed);
  return strongestFirst.map(({ box, area, peak, kind }) => [
    Math.round(box.x),
    Math.round(box.y),
    Math.round(box.width),
    Math.round(box.height),
    finite(area),
    finite(peak),
    kind,
  ]);
}

export function cameraValues({ state, reason }: CameraEvent, outages: number): Values {
  return { 'Camera/State': state, 'Camera/Reason': reason, 'Camera/Outages': outages };
}

export function modelValues({ model, provider, precision }: ModelInUse): Values {
  return { 'Model/Id': model, 'Model/Provider': provider, 'Model/Precision': precision };
}

function reasonOf(verdict: Verdict): string | null {
  if (verdict.result !== 'invalid') return null;
  return verdict.detail === undefined ? verdict.reason : `${verdict.reason}: ${verdict.detail}`;
}

/** A score that does not exist is null. */
function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}
