import { type Binding, Session } from '../../src/infer/ort/session.js';
import { byKind, DEFECT_KINDS, type DefectKind } from '../../src/kinds.js';
import { EXPORTED_VALUES, type ExportOptions, exportModel } from '../../src/train/export.js';
import { exposeValues } from '../../src/train/expose.js';
import { LOCAL_NET } from '../../src/train/networks/local-net.js';
import type { Refit } from './variants.js';

/** Maps of all evidence over one region [rows × columns], before they are brought to one scale. */
export type EvidenceMaps = Readonly<Record<DefectKind, Float32Array>>;

/** By the norm of the model and by that of each refit. */
export type Readings = Readonly<Record<'trained' | Refit, EvidenceMaps>>;

/** A model as it was trained, and the same with each of the refitted norms. */
export type ExportChoices = Readonly<Record<'trained' | Refit, ExportOptions>>;

/** Reads the evidence of regions from the inside of exported models. */
export class EvidenceReader {
  readonly #trained: Probe;
  readonly #refits: Readonly<Record<Refit, Probe>>;

  private constructor(trained: Probe, refits: Readonly<Record<Refit, Probe>>) {
    this.#trained = trained;
    this.#refits = refits;
  }

  static async create({ trained, ownCovariance, noPosition }: ExportChoices, threads: number): Promise<EvidenceReader> {
    return new EvidenceReader(await Probe.create(trained, DEFECT_KINDS, threads), {
      ownCovariance: await Probe.create(ownCovariance, ASKED_OF_NORMS, threads),
      noPosition: await Probe.create(noPosition, ASKED_OF_NORMS, threads),
    });
  }

  /** @param region RGB bytes in the size of the model's input */
  async read(region: Uint8Array): Promise<Readings> {
    const trained = await this.#trained.read(region);
    // Global-Net was trained on features by the model's own norms: what it says of others is no question of position.
    const readings = async (refit: Refit) => complete({ ...trained, ...(await this.#refits[refit].read(region)) });
    return {
      trained: complete(trained),
      ownCovariance: await readings('ownCovariance'),
      noPosition: await readings('noPosition'),
    };
  }

  async close(): Promise<void> {
    await this.#trained.close();
    for (const probe of Object.values(this.#refits)) await probe.close();
  }
}

/** The evidence that only asks what belongs where. */
const ASKED_OF_NORMS: readonly DefectKind[] = ['position'];

type SomeMaps = Partial<Record<DefectKind, Float32Array>>;

function complete(maps: SomeMaps): EvidenceMaps {
  return byKind((name) => maps[name]!);
}

/** One exported model, of which only some evidence is computed. */
class Probe {
  readonly #session: Session;
  readonly #region: Uint8Array;
  readonly #maps: SomeMaps;
  readonly #binding: Binding;

  private constructor(session: Session, { height, width }: ExportOptions, names: readonly DefectKind[]) {
    const shape = [1, 1, height / LOCAL_NET.stride, width / LOCAL_NET.stride];
    const cells = shape.reduce((a, b) => a * b);
    this.#session = session;
    this.#region = new Uint8Array(height * width * 3);
    this.#maps = Object.fromEntries(names.map((name) => [name, new Float32Array(cells)]));
    this.#binding = session.bind(
      { region: { type: 'uint8', shape: [1, height, width, 3], data: this.#region } },
      Object.fromEntries(
        names.map((name) => [EXPORTED_VALUES.evidence(name), { type: 'float32', shape, data: this.#maps[name]! }]),
      ),
    );
  }

  static async create(options: ExportOptions, names: readonly DefectKind[], threads: number): Promise<Probe> {
    const model = exposeValues(exportModel(options), names.map(EXPORTED_VALUES.evidence));
    return new Probe(await Session.create(model, { threads }), options, names);
  }

  /** The maps belong to the receiver. */
  async read(region: Uint8Array): Promise<SomeMaps> {
    this.#region.set(region);
    await this.#session.run(this.#binding);
    return Object.fromEntries(Object.entries(this.#maps).map(([name, map]) => [name, map.slice()]));
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
