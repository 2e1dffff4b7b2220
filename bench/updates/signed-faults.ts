import type { ErrorCode } from '../../src/errors.js';
import { MANIFEST_FILE, type Manifest } from '../../src/model/manifest.js';
import { archiveOf, smallBundle, type Writable } from './small-bundle.js';
import { ESCAPING, newer, type Tampered, type TamperOptions } from './tampering.js';

/** What even enough trusted keys cannot make right. */
export function* signedFaults(options: TamperOptions): Generator<Tampered> {
  const { signers, installed } = options;
  const two = signers.trusted.slice(0, 2);
  const signed = (edit: (manifest: Writable<Manifest>) => void, more: { opset?: number; operator?: string } = {}) => {
    const change = (manifest: Writable<Manifest>) => {
      newer(options)(manifest);
      edit(manifest);
    };
    return archiveOf(smallBundle({ signers: two, edit: change, ...more }).entries);
  };
  const file = (path: string, size = 1) => ({ path, size, sha256: '0'.repeat(64) });
  for (const path of ESCAPING) {
    yield {
      what: `signed: lists ${JSON.stringify(path)}`,
      code: 'SG_BUNDLE_PATH',
      archive: signed((m) => m.files.push(file(path))),
    };
  }
  for (const path of [
    MANIFEST_FILE,
    'manifest.json.minisig',
    'manifest.json.x.minisig',
    'downgrade.json',
    'golden',
    'model.onnx/x',
  ]) {
    yield { what: `signed: lists ${path}`, code: 'SG_BUNDLE_PATH', archive: signed((m) => m.files.push(file(path))) };
  }
  const cases: [string, ErrorCode, (manifest: Writable<Manifest>) => void][] = [
    [
      'too many files',
      'SG_BUNDLE_TOO_LARGE',
      (m) => void Object.assign(m, { files: Array.from({ length: 1001 }, (_, i) => file(`f${i}`)) }),
    ],
    ['a file of a terabyte', 'SG_BUNDLE_TOO_LARGE', (m) => m.files.push(file('large', 2 ** 40))],
    [
      'files of three gigabytes',
      'SG_BUNDLE_TOO_LARGE',
      (m) => m.files.push(...[1, 2, 3].map((i) => file(`large${i}`, 2 ** 30))),
    ],
    ['another device', 'SG_BUNDLE_DEVICE', (m) => void Object.assign(m, { devices: ['ulm/*/edge-2', 'berlin/*/*'] })],
    [
      'another site',
      'SG_BUNDLE_DEVICE',
      (m) => void Object.assign(m, { devices: ['ul*m/press-3/edge-1x', 'ulm/press-3'].slice(0, 1) }),
    ],
    ['another station', 'SG_BUNDLE_STATION', (m) => void Object.assign(m, { stations: ['bottom'] })],
    ['another region', 'SG_BUNDLE_REGION', (m) => void Object.assign(m, { region: { width: 128, height: 64 } })],
    ['a newer sideglance', 'SG_BUNDLE_AGENT_VERSION', (m) => void Object.assign(m, { minimumAgent: '99.0.0' })],
    [
      'a newer format',
      'SG_BUNDLE_AGENT_VERSION',
      (m) => void Object.assign(m, { format: 'sideglance-bundle/2' as Manifest['format'] }),
    ],
    ['expired', 'SG_BUNDLE_EXPIRED', (m) => void Object.assign(m, { expires: '2025-02-01T00:00:00.000Z' })],
    [
      'made in the future',
      'SG_BUNDLE_CLOCK_UNSET',
      (m) => void Object.assign(m, { created: '2099-01-01T00:00:00.000Z' }),
    ],
    [
      'as old as what is installed',
      'SG_BUNDLE_DOWNGRADE',
      (m) => Object.assign(m, { version: installed, id: 'bracket', stride: 16 }),
    ],
    ['older', 'SG_BUNDLE_DOWNGRADE', (m) => void Object.assign(m, { version: '0.9.0' })],
    [
      'a pre-release of what is installed',
      'SG_BUNDLE_DOWNGRADE',
      (m) => void Object.assign(m, { version: `${installed}-rc.1` }),
    ],
    [
      'says it needs a newer operator set',
      'SG_BUNDLE_OPERATOR',
      (m) => (m.requires = { opsets: { '': 99 }, operators: [] }),
    ],
    [
      'says it needs another domain',
      'SG_BUNDLE_OPERATOR',
      (m) => (m.requires = { opsets: { 'com.evil': 1 }, operators: ['com.evil::Run'] }),
    ],
    ['no calibration', 'SG_MODEL_INVALID', (m) => delete (m as { calibration?: unknown }).calibration],
  ];
  for (const [what, code, edit] of cases) yield { what: `signed: ${what}`, code, archive: signed(edit) };
  const untold = (m: Writable<Manifest>) => void delete m.requires;
  for (const operator of ['Loop', 'If', 'Scan', 'RandomNormal', 'StringNormalizer', 'Evil']) {
    yield {
      what: `signed: ${operator} in the network, which it does not tell`,
      code: 'SG_BUNDLE_OPERATOR',
      archive: signed(untold, { operator }),
    };
  }
  yield {
    what: 'signed: operator set 18 in the network',
    code: 'SG_BUNDLE_OPERATOR',
    archive: signed(untold, { opset: 18 }),
  };
  const permission = { devices: ['ulm/*/*'], expires: '2031-01-01T00:00:00.000Z', signers: two };
  const permitted = (change: Partial<typeof permission>) =>
    archiveOf(smallBundle({ signers: two, edit: version('0.9.0'), permission: { ...permission, ...change } }).entries);
  yield {
    what: 'a permission of one key',
    code: 'SG_BUNDLE_UNTRUSTED',
    archive: permitted({ signers: two.slice(0, 1) }),
  };
  yield { what: 'a permission of nobody', code: 'SG_BUNDLE_UNSIGNED', archive: permitted({ signers: [] }) };
  yield {
    what: 'a permission for another device',
    code: 'SG_BUNDLE_PERMISSION',
    archive: permitted({ devices: ['ulm/*/edge-2'] }),
  };
  yield {
    what: 'a permission that expired',
    code: 'SG_BUNDLE_PERMISSION',
    archive: permitted({ expires: '2025-02-01T00:00:00.000Z' }),
  };
  const one = smallBundle({ signers: two, edit: version('0.9.0'), permission }).entries;
  const other = smallBundle({ signers: two, edit: version('0.8.0'), permission }).entries;
  const moved = [...other.slice(0, 3), ...one.slice(3, 6), ...other.slice(6)];
  yield { what: 'a permission for another bundle', code: 'SG_BUNDLE_PERMISSION', archive: archiveOf(moved) };
}

function version(text: string) {
  return (manifest: Writable<Manifest>) => {
    manifest.version = text;
  };
}
