import { SideglanceError } from '../../errors.js';
import { type Manifest, modelName } from '../manifest.js';

export interface Device {
  readonly site: string;
  readonly line: string;
  readonly name: string;
}

/** A station that would use the model. */
export interface TargetStation {
  readonly name: string;
  /** In frame pixels; none where it inspects the whole frame. */
  readonly regions: readonly TargetRegion[];
}

export interface TargetRegion {
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

/** What a bundle is to be installed on. */
export interface Target {
  readonly device: Device;
  /** The stations that use this model. */
  stationsOf(id: string): readonly TargetStation[];
  /** Null where a region, in frame pixels, is one that the model's scores hold for; else what it should be. */
  misfit(region: TargetRegion, manifest: Manifest): string | null;
}

/** @throws SideglanceError `SG_BUNDLE_DEVICE`, `SG_BUNDLE_STATION`, `SG_BUNDLE_REGION` */
export function checkTarget(manifest: Manifest, { device, stationsOf, misfit }: Target): void {
  const name = modelName(manifest);
  const { devices, stations } = manifest;
  if (devices !== undefined && !devices.some((pattern) => matchesDevice(pattern, device))) {
    throw new SideglanceError(
      'SG_BUNDLE_DEVICE',
      `${name} is for ${devices.join(', ')}, and this is ${deviceName(device)}. Send it a bundle of its own`,
    );
  }
  for (const station of stationsOf(manifest.id)) {
    if (stations !== undefined && !stations.some((pattern) => matchesName(pattern, station.name))) {
      throw new SideglanceError(
        'SG_BUNDLE_STATION',
        `${name} is for the stations ${stations.join(', ')}, and ${station.name} would use it. Correct its \`model\`, or sign a bundle for it`,
      );
    }
    for (const region of station.regions) {
      const expected = misfit(region, manifest);
      if (expected === null) continue;
      throw new SideglanceError(
        'SG_BUNDLE_REGION',
        `${name} does not fit the region ${region.name} of ${station.name}, ${region.width}×${region.height}: ${expected}. Train it with images of this region`,
      );
    }
  }
}

/** `*` in a pattern stands for any text inside a part. */
export function matchesDevice(pattern: string, device: Device): boolean {
  const parts = pattern.split('/');
  const names = [device.site, device.line, device.name];
  return parts.length === names.length && parts.every((part, i) => matchesName(part, names[i]!));
}

export function deviceName({ site, line, name }: Device): string {
  return `${site}/${line}/${name}`;
}

/** `*` in a pattern stands for any text. Compared piece by piece: a pattern made into a regular expression could be one that takes for ever. */
export function matchesName(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= text.length - last.length;
}
