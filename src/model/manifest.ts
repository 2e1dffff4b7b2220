import { z } from 'zod';
import { SideglanceError } from '../errors.js';
import { AGENT_VERSION, compareVersions, VERSION_PATTERN } from './version.js';

/**
 * `manifest.json` of a model bundle: what the model is, how its map becomes a score and a verdict, and the digests of
 * every file. Keys that a later sideglance adds are ignored; `minimumAgent` says when they must not be.
 */

export const MANIFEST_FILE = 'manifest.json';
export const MODEL_FILE = 'model.onnx';
/** The second graph of a `field` model. */
export const CONTEXT_FILE = 'context.onnx';
/** Where bundles that sideglance writes keep their template. */
export const TEMPLATE_FILE = 'template.png';
export const BUNDLE_FORMAT = 'sideglance-bundle/1';
/** The first sideglance that reads this format. */
export const BUNDLE_FORMAT_SINCE = '0.1.0';

export const bundleLimits = {
  maxManifestBytes: 16 * 1024 * 1024,
  maxFileBytes: 1024 * 1024 * 1024,
  maxFiles: 1000,
  maxRegionPixels: 64 * 1024 * 1024,
} as const;

/** Without `/` in its parts; what a name may be is the configuration's matter. */
const DEVICE_PATTERN = /^[^/]{1,128}\/[^/]{1,128}\/[^/]{1,128}$/;
const version = z.string().regex(VERSION_PATTERN, 'must be a version such as 1.4.0');
const weight = z.number().min(0).max(1000);
const whole = (min: number, max: number) => z.int().min(min).max(max);

export const PLAIN_PATH = /^[A-Za-z0-9_][A-Za-z0-9_.-]*(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/;

/**
 * A file inside the bundle: plain names joined by `/`, so that no path leads out of the folder, and none means
 * something else on another system.
 */
const path = z.string().max(200).regex(PLAIN_PATH, 'must be a plain path inside the bundle');

const FileSchema = z.object({
  path,
  size: whole(0, bundleLimits.maxFileBytes),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 digest in lower case hexadecimal'),
});

const GoldenSchema = z.object({
  /** A PNG of exactly the region's size. */
  image: path,
  score: z.number(),
  /** Largest allowed difference of the score and of the map's figures. */
  tolerance: z.number().positive(),
  /** Figures of the anomaly map, which a wrong map with a right score would miss. */
  map: z.object({ mean: z.number(), max: z.number() }).exactOptional(),
});

const CalibrationSchema = z.object({
  /** Scores of good images that the training did not see, in ascending order. */
  scores: z.array(z.number()).min(2).max(1_000_000),
  /** Cells above it belong to a defect. */
  mapThreshold: z.number(),
  /** How the scores came about, where they were taken after the training. */
  recalibrated: z
    .object({
      at: z.iso.datetime(),
      /** Good images that were scored. */
      images: whole(0, 100_000_000),
      source: z.string().max(1000),
      /** `<id>@<version>` of the bundle with the scores before. */
      previous: z.string().max(200),
      /** The scores before are among the scores. */
      combined: z.boolean(),
      /** What ran the model: precision moves scores. */
      provider: z.string().max(50),
    })
    .exactOptional(),
});

const PrecisionSchema = z.object({
  /** Figures of the same images. */
  golden: z.array(GoldenSchema).min(1).max(bundleLimits.maxFiles),
  calibration: CalibrationSchema,
});

const ManifestSchema = z
  .object({
    format: z.literal(BUNDLE_FORMAT),
    id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, 'must be 1 to 64 letters, digits, `_`, `.` or `-`'),
    version,
    created: z.iso.datetime(),
    /** The oldest sideglance that may run this bundle. */
    minimumAgent: version,
    /** Whether a position in the region means something (`aligned`) or not (`field`). */
    geometry: z.enum(['aligned', 'field']),
    /**
     * The model's input in pixels. A `field` model takes regions of any size: there it is the size, in pixels of the model, of
     * the regions that the scores hold for.
     */
    region: z.object({ width: whole(8, 16384), height: whole(8, 16384) }),
    /** Pixels from one cell of the anomaly map to the next. */
    stride: whole(1, 256),
    /** How a `field` model is run in tiles. */
    field: z
      .object({
        /** Frame pixels to a pixel of the model. */
        scale: z.number().positive().max(1000),
        /** Pixels around a tile that its cells depend on. */
        border: whole(0, 1024),
        /** Numbers that describe a cell. */
        channels: whole(1, 65_536),
        /** Cells around a cell that its place in the map depends on. */
        halo: whole(0, 256),
      })
      .exactOptional(),
    /** Where parts do not lie in one place: how to find the part before it is looked at. */
    locate: z
      .object({
        /** Anywhere in the region, or where the template has it, give or take the play of a fixture. */
        search: z.enum(['everywhere', 'nearby']),
        /** A grey PNG of how strong edges are, of the part in the pose that the model knows. */
        template: path,
        /** Sides, in pixels of the template, of what the model looks at around the template's centre. */
        window: z.object({ width: z.number().positive().max(1024), height: z.number().positive().max(1024) }),
        /** Correlation with the template below which there is no part. */
        minimumSimilarity: z.number().min(0).max(1),
      })
      .exactOptional(),
    /** How the maps become a score: the sum of the terms, over the weighted sum of the maps. */
    scoring: z.object({
      /** Gaussian that the score sees the maps through: its standard deviation in pixels of the region. */
      smoothing: z.number().min(0).max(256).default(0),
      /** What each kind of evidence counts for. */
      weights: z.object({ position: weight, context: weight, distortion: weight }),
      /** (mean of the so many hottest cells − centre) / spread */
      terms: z
        .array(
          z.object({
            cells: whole(1, 1_000_000),
            /** Of the region's cells, for a `field` model: as many hottest ones, but at most `cells`. */
            share: z.number().positive().max(1).exactOptional(),
            centre: z.number(),
            spread: z.number().positive(),
          }),
        )
        .min(1)
        .max(10),
    }),
    calibration: CalibrationSchema,
    /** What was measured anew where the network computes less finely than in FP32; without it, such a precision is refused. */
    precisions: z
      .object({
        tf32: PrecisionSchema.exactOptional(),
        fp16: PrecisionSchema.exactOptional(),
        int8: PrecisionSchema.exactOptional(),
      })
      .exactOptional(),
    files: z.array(FileSchema).min(1).max(bundleLimits.maxFiles),
    golden: z.array(GoldenSchema).min(1).max(bundleLimits.maxFiles),
    trainedOn: z.object({
      images: whole(0, 100_000_000),
      source: z.string().max(1000),
      seed: z.int(),
      steps: whole(0, Number.MAX_SAFE_INTEGER),
      seconds: z.number().nonnegative(),
      teacher: z.string().max(200).exactOptional(),
    }),
    /** After this moment the bundle is no longer installed; one that is active stays so. */
    expires: z.iso.datetime().exactOptional(),
    /** Devices that it may be installed on, as `site/line/name`, `*` for any text; without it, all. */
    devices: z
      .array(z.string().regex(DEVICE_PATTERN, 'must be site/line/name, with * for any text'))
      .min(1)
      .max(1000)
      .exactOptional(),
    /** Stations that may use it, `*` for any text; without it, all. */
    stations: z.array(z.string().min(1).max(128)).min(1).max(1000).exactOptional(),
    /** What the networks are made of, so that a device knows before it reads them whether it can run them. */
    requires: z
      .object({
        /** The highest version of each operator set; the standard one is ``. */
        opsets: z.record(z.string().max(200), whole(1, 1000)),
        operators: z.array(z.string().max(200)).max(1000),
      })
      .exactOptional(),
  })
  .superRefine((manifest, context) => {
    const fault = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
    const { geometry, region, stride, field, locate, scoring, calibration, files, golden } = manifest;
    const listed = new Set(files.map((file) => file.path));
    if (geometry === 'field') {
      if (!field) fault(['field'], 'is missing');
      if (locate) fault(['locate'], 'is for parts, which a field does not have');
      if (!listed.has(CONTEXT_FILE)) fault(['files'], `does not list ${CONTEXT_FILE}`);
      scoring.terms.forEach((term, i) => {
        if (term.share === undefined) fault(['scoring', 'terms', i, 'share'], 'is missing');
      });
    } else {
      if (region.width * region.height > bundleLimits.maxRegionPixels) fault(['region'], 'is too large');
      for (const side of ['width', 'height'] as const) {
        if (region[side] % stride !== 0) fault(['region', side], `must be a multiple of the stride ${stride}`);
      }
      const cells = (region.width / stride) * (region.height / stride);
      scoring.terms.forEach((term, i) => {
        if (term.cells > cells) fault(['scoring', 'terms', i, 'cells'], `is more than the ${cells} cells of the map`);
      });
    }
    if (Object.values(scoring.weights).every((value) => value === 0)) fault(['scoring', 'weights'], 'are all 0');
    const checkOrder = ({ scores }: { readonly scores: readonly number[] }, path: string[]) => {
      if (scores.some((score, i) => i > 0 && score < scores[i - 1]!)) fault(path, 'must be in ascending order');
    };
    checkOrder(calibration, ['calibration', 'scores']);
    const images = new Set(golden.map(({ image }) => image));
    for (const [precision, measured] of Object.entries(manifest.precisions ?? {})) {
      checkOrder(measured.calibration, ['precisions', precision, 'calibration', 'scores']);
      if (!measured.golden.every(({ image }) => images.has(image))) {
        fault(['precisions', precision, 'golden'], 'names an image that is none of the golden ones');
      }
    }
    if (listed.size !== files.length) fault(['files'], 'lists a path twice');
    if (!listed.has(MODEL_FILE)) fault(['files'], `does not list ${MODEL_FILE}`);
    if (locate && !listed.has(locate.template)) {
      fault(['locate', 'template'], `${locate.template} is not among the files`);
    }
    golden.forEach(({ image }, i) => {
      if (!listed.has(image)) fault(['golden', i, 'image'], `${image} is not among the files`);
    });
  });

export type Manifest = z.infer<typeof ManifestSchema>;
export type GoldenSample = z.infer<typeof GoldenSchema>;
export type Calibration = z.infer<typeof CalibrationSchema>;
export type BundleFile = z.infer<typeof FileSchema>;

/** How a model is called in messages and on MQTT. */
export function modelName(manifest: Pick<Manifest, 'id' | 'version'>): string {
  return `${manifest.id}@${manifest.version}`;
}

/**
 * @param where the file, for messages
 * @throws SideglanceError `SG_MODEL_UNREADABLE` for what is no manifest at all, `SG_BUNDLE_AGENT_VERSION` for one
 * that needs a newer sideglance, `SG_MODEL_INVALID` for one that breaks the contract, naming every fault
 */
export function parseManifest(text: string, where: string): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new SideglanceError(
      'SG_MODEL_UNREADABLE',
      `${where} is truncated or not JSON; copy the bundle again, or train it anew`,
      { cause },
    );
  }
  refuseNewer(json, where);
  const checked = ManifestSchema.safeParse(json);
  if (checked.success) return checked.data;
  const faults = checked.error.issues.map((issue) => `${issue.path.join('.') || 'it'}: ${issue.message}`);
  throw new SideglanceError(
    'SG_MODEL_INVALID',
    `${where} is not a manifest that sideglance ${AGENT_VERSION} understands: ${faults.join('; ')}. Export the model again.`,
  );
}

/** Before the schema speaks: what a newer sideglance wrote would otherwise show as a list of riddles. */
function refuseNewer(json: unknown, where: string): void {
  if (typeof json !== 'object' || json === null) return;
  const { format, minimumAgent } = json as { format?: unknown; minimumAgent?: unknown };
  if (typeof format === 'string' && /^sideglance-bundle\/\d+$/.test(format) && format !== BUNDLE_FORMAT) {
    throw new SideglanceError(
      'SG_BUNDLE_AGENT_VERSION',
      `${where} has the format ${format}, but sideglance ${AGENT_VERSION} reads ${BUNDLE_FORMAT}: update sideglance, or export the model with this version`,
    );
  }
  if (typeof minimumAgent !== 'string' || !VERSION_PATTERN.test(minimumAgent)) return;
  if (compareVersions(minimumAgent, AGENT_VERSION) > 0) {
    throw new SideglanceError(
      'SG_BUNDLE_AGENT_VERSION',
      `${where} needs sideglance ${minimumAgent} or newer, this is ${AGENT_VERSION}: update sideglance`,
    );
  }
}
