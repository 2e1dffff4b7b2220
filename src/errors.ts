/**
 * The registry of every error sideglance raises on purpose. Callers branch on `code`; people read `message`,
 * which says what happened, where, and what to do about it. The cause is always kept.
 */
export const ERROR_CODES = {
  SG_USAGE: 'the command line is wrong',
  SG_SETUP_INCOMPLETE: 'something that sideglance needs is not installed',
  SG_CONFIG_INVALID: 'the configuration file has faults',
  SG_CONFIG_UNREADABLE: 'the configuration file cannot be read',
  SG_NATIVE_LIBRARY: 'a native library is missing or does not fit',
  SG_CAMERA_PIPELINE: 'the camera pipeline cannot be built',
  SG_CAMERA_LOST: 'the camera stopped delivering frames',
  SG_FRAME_FORMAT: 'the frame has a format that is not understood',
  SG_REGION_OUTSIDE: 'a region does not lie inside the frame',
  SG_REGION_SHAPE: 'the shape of a region does not fit the model',
  SG_NO_PART: 'there is no part in a region',
  SG_IMAGE_UNREADABLE: 'an image file cannot be decoded',
  SG_DATASET_INVALID: 'a dataset folder is not laid out as expected',
  SG_LABELS_INVALID: 'a file of labels has faults, or does not fit the images',
  SG_TOO_FEW_IMAGES: 'there are too few good images to train or to calibrate with',
  SG_MODEL_UNREADABLE: 'a model bundle is missing, truncated or not a bundle',
  SG_MODEL_INVALID: 'a model bundle does not keep its contract',
  SG_MODEL_GOLDEN_MISMATCH: 'a model does not reproduce its golden samples',
  SG_KEY_INVALID: 'a signing key, a key set or its signatures cannot be used',
  SG_BUNDLE_UNSIGNED: 'a bundle has no signature',
  SG_BUNDLE_SIGNATURE: 'a signature of a bundle is malformed, or of a trusted key and does not hold',
  SG_BUNDLE_UNTRUSTED: 'a bundle has too few signatures of trusted keys',
  SG_BUNDLE_KEY_REVOKED: 'a bundle would have enough signatures, but keys that signed it were revoked',
  SG_BUNDLE_ARCHIVE: 'a bundle is no archive that sideglance packs: truncated, reordered, or with something else in it',
  SG_BUNDLE_PATH: 'a path in a bundle leads out of it or is not plain',
  SG_BUNDLE_ENTRY_KIND: 'a bundle holds a link, a device or something else that is no ordinary file',
  SG_BUNDLE_TOO_LARGE: 'a bundle has too many or too large files',
  SG_BUNDLE_DIGEST: 'a bundle, or a file of it, is not the one that was announced or signed',
  SG_BUNDLE_URL: 'a bundle may not be fetched from where it was to be fetched from',
  SG_BUNDLE_DOWNLOAD: 'a bundle could not be fetched',
  SG_BUNDLE_UNEXPECTED: 'a bundle is another model, or another version of it, than was announced',
  SG_BUNDLE_AGENT_VERSION: 'a bundle needs a newer sideglance',
  SG_BUNDLE_DEVICE: 'a bundle is for other devices',
  SG_BUNDLE_STATION: 'a bundle is for other stations',
  SG_BUNDLE_REGION: 'a bundle is for regions of another size or shape',
  SG_BUNDLE_OPERATOR: 'a bundle has a network with operators that are not supported',
  SG_BUNDLE_CLOCK_UNSET: 'the time is not known, so that nothing can be installed yet',
  SG_BUNDLE_EXPIRED: 'a bundle has expired',
  SG_BUNDLE_DOWNGRADE: 'a bundle is not newer than what was installed before',
  SG_BUNDLE_PERMISSION: 'a permission to install an older bundle does not hold',
  SG_BUNDLE_BARRED: 'a bundle was barred after it failed here',
  SG_BUNDLE_DISK_FULL: 'there is not enough space on the disk for a bundle',
  SG_BUNDLE_ACCEPTANCE: 'a model judges a part of the acceptance set wrong',
  SG_BUNDLE_SLOW: 'a model takes longer for a part than it may',
  SG_BUNDLE_MEMORY: 'a model takes more memory than it may',
  SG_BUNDLE_CRASHED: 'a model ended the process that was to prove it',
  SG_BUNDLE_SHADOW: 'a model that was to take over did not do well beside the one in use, and does not',
  SG_BUNDLE_PROBATION: 'a model failed its probation, and the one before it is active again',
  SG_ACCEPTANCE_FULL: 'a station has as many acceptance parts as it may have',
  SG_STORE: 'the model store cannot be used as asked',
  SG_STORE_DAMAGED: 'the state of the model store cannot be read',
  SG_RUNTIME: 'ONNX Runtime reported an error',
  SG_PRECISION_UNCALIBRATED: 'a model was not calibrated for the precision that it is to run in',
  SG_PROVIDER_UNAVAILABLE: 'the execution provider that was asked for cannot run',
  SG_GPU_MEMORY: 'a model needs more GPU memory than a station may use',
  SG_TRAINING_DIVERGED: 'training produced values that are not finite',
  SG_NOT_MEASURED: 'there was nothing to measure',
  SG_STORAGE: 'a file could not be written',
  SG_STORAGE_IN_USE: 'a folder belongs to another process',
  SG_BROKER: 'the MQTT broker cannot be used',
  SG_COMMAND_UNKNOWN: 'there is no such command, or no such station',
  SG_COMMAND_MALFORMED: 'a command is not what its schema says',
  SG_COMMAND_TOO_LARGE: 'a command is larger than commands may be',
  SG_COMMAND_RETAINED: 'a command was retained by the broker',
  SG_COMMAND_FORBIDDEN: 'a command, or the topic that its answer is to go to, is not allowed',
  SG_COMMAND_LATE: 'a command came too late, or at a time that is not known',
  SG_COMMAND_RATE: 'there are too many commands',
  SG_COMMAND_REUSED: 'a command has the id of another one',
  SG_COMMAND_INTERRUPTED: 'a command was begun before a restart and may have been carried out',
  SG_COMMAND_BUSY: 'another command is under way',
  SG_COMMAND_TIMEOUT: 'a command was not carried out in time',
  SG_COMMAND_UNSUPPORTED: 'a command cannot be carried out here',
  SG_COMMAND_FAILED: 'a command failed',
  SG_ROLLOUT_HALTED: 'a rollout was halted, withdrawn or replaced before it was done',
  SG_ROLLOUT_FAILED: 'a rollout was stopped because devices refused it or went back',
  SG_HTTP: 'metrics and health cannot be served over HTTP',
  SG_STATION_LOST: 'a station process ended',
  SG_STATION_FAILED: 'a station failed too often and is now restarted slowly',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** The one error class. `exitCode` is what the command line ends with when nobody handles it. */
export class SideglanceError extends Error {
  readonly code: ErrorCode;
  readonly exitCode: number;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; exitCode?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SideglanceError';
    this.code = code;
    this.exitCode = options.exitCode ?? (code === 'SG_USAGE' || code.startsWith('SG_CONFIG') ? 2 : 1);
  }
}

const FAULTS_OF_ONE_IMAGE: ReadonlySet<ErrorCode> = new Set([
  'SG_IMAGE_UNREADABLE',
  'SG_NO_PART',
  'SG_REGION_OUTSIDE',
  'SG_REGION_SHAPE',
]);

/** Whether it is the fault of one image, which says nothing about the next. */
export function isFaultOfOneImage(thrown: unknown): thrown is SideglanceError {
  return thrown instanceof SideglanceError && FAULTS_OF_ONE_IMAGE.has(thrown.code);
}

/** The text of anything that was thrown, for messages that wrap it. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
