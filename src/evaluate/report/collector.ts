import type { RegionResult } from '../../types.js';
import { imageAurocInterval, pixelIntervals } from '../bootstrap.js';
import { GOOD } from '../dataset.js';
import type { EvaluatedImage, Evaluation } from '../evaluate.js';
import { ImageTallies } from '../image-tallies.js';
import { proCurve } from '../pixel-metrics.js';
import type { Report, ReportImage, Subject } from './report.js';
import { thumbnailOf } from './thumbnail.js';

/** Gathers a report while a model is evaluated; keeps thumbnails and tallies of each image, some 60 kB in all. */
export class ReportCollector {
  readonly #images: ReportImage[] = [];
  readonly #tallies = new ImageTallies();

  /** For `evaluateModel`'s `onImage`. */
  async add({ file, defect, picture, mask, scored, pixelScores }: EvaluatedImage<RegionResult>): Promise<void> {
    const { width, height } = picture;
    const { verdict, score, pValue, parts, defects } = scored;
    this.#tallies.add(pixelScores, mask, width, height);
    this.#images.push({
      file,
      defect,
      verdict: verdict.result,
      score,
      pValue,
      parts,
      defects,
      width,
      height,
      thumbnail: await thumbnailOf(picture, scored, mask),
    });
  }

  /** @param evaluation of the images that were added. */
  report(subject: Subject, evaluation: Evaluation): Report {
    const images = this.#images;
    const scoresOf = (isOne: (defect: string) => boolean): number[] =>
      images.filter(({ defect }) => isOne(defect)).map(({ score }) => score);
    const good = scoresOf((defect) => defect === GOOD);
    const isDefective = images.map(({ defect }) => defect !== GOOD);
    return {
      subject,
      evaluation,
      images,
      intervals: {
        imageAuroc: imageAurocInterval(
          good,
          scoresOf((defect) => defect !== GOOD),
        ),
        ...pixelIntervals(this.#tallies, isDefective, evaluation),
      },
      perDefect: Object.fromEntries(
        Object.keys(evaluation.perDefect).map((name) => [
          name,
          imageAurocInterval(
            good,
            scoresOf((defect) => defect === name),
          ),
        ]),
      ),
      proCurve: [...proCurve(this.#tallies.steps(), 0.3)],
    };
  }
}
