import { SideglanceError } from '../errors.js';
import { type Calibration, calibrate } from '../infer/calibration.js';
import type { FieldGeometry, ModelFiles } from '../infer/contract.js';
import type { Scoring } from '../infer/score.js';
import { Random } from '../random.js';
import type { TrainEvent } from './events.js';
import { TILE_GEOMETRY } from './export-tiles.js';
import { type GoodImages, readGoodImages } from './good-images.js';
import { type ExportedParts, measureScores } from './measure-scores.js';
import { trainPaper } from './paper/train.js';
import { describePlacement, type PlacementChoice } from './placement.js';
import { Schedule } from './schedule.js';
import { warnOfPixels } from './strange-images.js';
import { readSurfaceImages } from './surface-images.js';
import { type Surface, TRAINING, trainHeads } from './train-heads.js';

export { TRAINING } from './train-heads.js';

/** `paper`: the method as it was published, patch by patch, to compare with (paper/settings.ts). */
export type TrainMethod = 'sideglance' | 'paper';

/** Parts, which have a place for everything (`aligned`), or a surface, where no place is special (`field`). */
export type Geometry = 'aligned' | 'field';

export interface TrainModelOptions {
  readonly method?: TrainMethod;
  /** A folder of good images, or an MVTec category, of which only `train/good` is read. */
  readonly images: string;
  readonly seed: number;
  /** How long to train: `steps` of the context phase, else `minutes` for everything. */
  readonly steps?: number;
  readonly minutes?: number;
  /** Whether a place in the image means something; `aligned` when left out. */
  readonly geometry?: Geometry;
  /** Side of a square with as many pixels as the region that the model will see; `DEFAULT_SIZE` when left out. */
  readonly size?: number;
  /** For a surface, in place of a size: frame pixels to a pixel of the model; 1 when neither is given. */
  readonly scale?: number;
  /** How parts lie in the images; they say so themselves by default. */
  readonly placement?: PlacementChoice;
  readonly threads: number;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
}

export interface TrainedModel {
  readonly files: ModelFiles;
  /** To export it again with other settings; null for the paper's method. */
  readonly parts: ExportedParts | null;
  /** What is scored, in pixels of the model. */
  readonly width: number;
  readonly height: number;
  /** How the model runs in tiles; null for one of parts. */
  readonly field: FieldGeometry | null;
  readonly scoring: Scoring;
  readonly calibration: Calibration;
  /** To be closed when it is no longer needed. */
  readonly good: GoodImages;
  /** How many files were learnt from and calibrated with. */
  readonly images: number;
  readonly steps: number;
  readonly seconds: number;
}

export const DEFAULT_SIZE = 256;

/** Trains a model from good images alone (docs/method.md). Writes nothing. */
export async function trainModel(options: TrainModelOptions): Promise<TrainedModel> {
  const { signal } = options;
  const emit = options.onEvent ?? (() => undefined);
  const schedule = new Schedule({
    minutes: options.minutes ?? TRAINING.minutes,
    ...(options.steps === undefined ? {} : { steps: options.steps }),
    ...(signal ? { signal } : {}),
    onEvent: emit,
  });
  const random = new Random(options.seed);
  emit({ type: 'phase', text: `reading good images from ${options.images}` });
  const source = await readSource(options, random);
  try {
    return await trainFrom(source, { options, schedule, random, emit });
  } catch (thrown) {
    source.good.close();
    throw thrown;
  }
}

/** What is trained from. */
interface Source extends Pick<TrainedModel, 'good' | 'width' | 'height'> {
  readonly surface: Surface | null;
  /** What was found out about it, for people. */
  readonly found: string;
}

async function readSource(options: TrainModelOptions, random: Random): Promise<Source> {
  const { images, geometry, size, scale, placement, signal } = options;
  checkChoices(options);
  if (geometry === 'field') {
    const { whole, calibrating, ...good } = await readSurfaceImages(images, random, {
      ...(size !== undefined && { size }),
      ...(scale !== undefined && { scale }),
      ...(signal && { signal }),
    });
    const found = `a surface without parts, at ${Number(good.scale.toFixed(3))} frame pixels to a pixel of the model: images of ${whole.width} × ${whole.height}`;
    return { good, ...whole, surface: { field: { ...TILE_GEOMETRY, scale: good.scale }, calibrating }, found };
  }
  const good = await readGoodImages(images, size ?? DEFAULT_SIZE, random, {
    ...(placement && { placement }),
    ...(signal && { signal }),
  });
  return { good, width: good.width, height: good.height, surface: null, found: describePlacement(good.learnt) };
}

/** Before a long training: what was asked for and would not be done. */
function checkChoices({ geometry, scale, placement = 'auto', method = 'sideglance' }: TrainModelOptions): void {
  const refuse = (what: string) => {
    throw new SideglanceError('SG_USAGE', `${what}. Leave one of the two out`);
  };
  if (geometry !== 'field') {
    if (scale !== undefined) refuse('a --scale is for surfaces (--geometry field); parts are scaled to a --size');
    return;
  }
  if (placement === 'anywhere') refuse('a surface (--geometry field) has no parts to be found (--placement anywhere)');
  if (method === 'paper') refuse('the published method (--method paper) knows no surfaces (--geometry field)');
}

interface TrainFromOptions {
  readonly options: TrainModelOptions;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly emit: (event: TrainEvent) => void;
}

async function trainFrom(
  { good, width, height, surface, found }: Source,
  { options, schedule, random, emit }: TrainFromOptions,
): Promise<TrainedModel> {
  const { threads, signal, method = 'sideglance' } = options;
  emit({ type: 'phase', text: found });
  for (const skipped of good.skipped) emit({ type: 'skipped', ...skipped });
  const { training, heldOut, locate } = good;
  const all = [...training, ...heldOut, ...(surface?.calibrating ?? [])];
  for (const warning of warnOfPixels(all)) emit({ type: 'warning', ...warning });
  const common = {
    training,
    heldOut,
    random,
    threads,
    schedule,
    emit,
    ...(signal ? { signal } : {}),
  };
  const {
    files,
    parts = null,
    steps,
    ...heads
  } = method === 'paper' ? await trainPaper(common) : await trainHeads({ ...common, surface });
  emit({ type: 'phase', text: 'scoring good images, each by a model that has not seen it' });
  const field = surface?.field ?? null;
  const { scoring, scores, hottest } = await measureScores({ ...heads, width, height, threads, locate, field });
  const calibration = calibrate(scores, hottest);
  emit({ type: 'calibrated', ...calibration });
  const images = new Set(all.map(({ file }) => file)).size;
  return { files, parts, width, height, field, scoring, calibration, good, images, steps, seconds: schedule.seconds };
}
