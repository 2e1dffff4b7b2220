import { randomUUID } from 'node:crypto';
import { adjustCamera, firesCamera } from './capture/adjust.js';
import { Camera } from './capture/camera.js';
import { monotonicMs } from './capture/clock.js';
import { cameraOptions } from './capture/from-config.js';
import { SimulatedLine } from './capture/simulated/line.js';
import { regionsOf } from './config/models.js';
import { GraphCache } from './infer/graph-cache.js';
import { Inspector } from './infer/inspector.js';
import { modelName } from './model/manifest.js';
import { openBundle } from './model/open.js';
import { openFirst } from './model/store/open.js';
import { inBackground } from './native/background.js';
import { Borders } from './station/borders.js';
import { BuildReporter } from './station/build-reporter.js';
import { AgentChannel } from './station/channel.js';
import { createEncoders } from './station/encoders.js';
import { Judge } from './station/judge.js';
import { causeOf, faultMessage, runLoop } from './station/loop.js';
import { Orders } from './station/orders.js';
import { Progress } from './station/progress.js';
import { Shadow } from './station/shadow.js';
import type { StationStart } from './station/start.js';
import { Succession } from './station/succession.js';
import type { FailedBundle, RunningBundle } from './types.js';

/** Longest time for the camera driver and the runtime to let go. */
const CLOSE_WITHIN_MS = 1_000;
/** How often a source that waits for us is looked at while nobody wants a frame of it. */
const IDLE_MS = 20;

/*
 * The program of a station process: one camera, from its frames to verdicts. Started by an agent only, and ended by it
 * only; a fault ends it too, after it has been reported.
 */
const channel = new AgentChannel<StationStart>();
const { station, infer, paused } = await channel.started;
const inUse: { close(): Promise<void> }[] = [];
const borders = new Borders();
let isLoading = true;

// No part is under way yet, and an ordinary exit would wait for the thread that loads the model.
void channel.stopAsked.then(() => isLoading && process.kill(process.pid, 'SIGKILL'));

async function work(): Promise<void> {
  const { name, regions, publish } = station;
  const line = station.camera.type === 'simulated' ? new SimulatedLine(station.camera) : null;
  const passedOver: FailedBundle[] = [];
  const first = await openFirst(station.model, name, openModel, ({ folder }, thrown) =>
    passedOver.push({ folder, ...causeOf(thrown) }),
  );
  const models = new Succession({
    ...first,
    load: loadBeside,
    onRefused: (failed) => void channel.send({ type: 'refused', ...failed }),
  });
  inUse.unshift(models);
  isLoading = false;
  const epoch = randomUUID();
  const opening = cameraOptions(station.camera, line);
  const camera = new Camera({
    ...opening,
    onEvent: (event) => void channel.send({ type: 'camera', ...event }),
    onWarning: (text) => console.error(`warning of the camera: ${text}`),
  });
  inUse.unshift(camera);
  const encoders = createEncoders(publish.maps);
  let cameraConfig = station.camera;
  // An order changes it for every model that runs from then on.
  let threshold = station.threshold;
  const shadow = new Shadow({
    load: loadBeside,
    threshold: () => threshold,
    send: (message) => channel.send(message),
    now: monotonicMs,
  });
  inUse.push(shadow);
  const orders = new Orders({
    targets: {
      setThreshold: (choice) => {
        threshold = choice;
        models.current.setThreshold(choice);
        shadow.setThreshold(choice);
        return models.current.threshold.score;
      },
      calibrate: (falseRejectRate, scores) => models.current.thresholdBy({ falseRejectRate }, scores),
      setCamera: async (controls) => {
        cameraConfig = await adjustCamera(camera, cameraConfig, controls);
      },
      fire: async () => {
        if (firesCamera(station.camera)) await camera.fire();
      },
      encode: (picture) => encoders.frame(picture),
    },
    send: (message) => channel.send(message),
    trigger: station.trigger,
    paused,
    now: monotonicMs,
  });
  channel.onOrder((id, order) => void orders.take(id, order));
  channel.onSwitch((folder) => void models.want(folder));
  channel.onShadow((task) => void shadow.want(task));
  await channel.send({ type: 'ready', ...describe(first), passedOver, epoch });
  const progress = new Progress();
  const onRun = () => {
    progress.ran();
    const due = progress.report(monotonicMs());
    if (due !== null) void channel.send(due);
  };
  await runLoop({
    next: () => (orders.wantsFrame || !opening.lossless ? camera.next() : idle()),
    orders,
    judge: new Judge({ station: name, epoch, regions, publish, models, encoders, onRun, now: monotonicMs }),
    border: async () => {
      borders.pass();
      shadow.check();
      const next = models.atBorder();
      if (next === null) return;
      next.model.setThreshold(threshold);
      await channel.send({ type: 'switched', ...describe(next) });
    },
    answered: (frame, inspection) => shadow.offer(frame, inspection),
    selfTest: () => models.current.selfTest(),
    progress,
    send: (message) => channel.send(message),
    stopping: () => channel.stopping,
    now: monotonicMs,
  });
}

async function idle(): Promise<null> {
  await new Promise((done) => setTimeout(done, IDLE_MS));
  return null;
}

interface OpenModel {
  readonly folder: string;
  readonly model: Inspector;
}

async function openModel(folder: string): Promise<OpenModel> {
  return { folder, model: await loadModel(folder) };
}

function describe({ folder, model: inspector }: OpenModel): RunningBundle {
  const { model, provider, precision, skipped } = inspector;
  return { folder, model, provider, precision, skipped, threshold: inspector.threshold.score };
}

/** While parts go on, which come first: what it computes begins when one was answered, not in the middle of it. */
function loadBeside(folder: string): Promise<Inspector> {
  return inBackground(
    () => loadModel(folder),
    () => borders.next(),
  );
}

async function loadModel(folder: string): Promise<Inspector> {
  const bundle = await openBundle(folder);
  const builds = new BuildReporter({
    model: modelName(bundle.manifest),
    precision: infer.tensorrt.precision,
    send: (message) => void channel.send(message),
    warn: (text) => console.error(`warning: ${text}`),
  });
  return Inspector.of(bundle, {
    ...infer,
    threshold: station.threshold,
    regionsPerPart: regionsOf(station),
    watch: builds.watch,
    cpu: { graphs: new GraphCache() },
  }).finally(() => builds.stop());
}

/** The camera first. A driver that does not let go would keep an ordinary exit waiting for it, so it gets none. */
async function end(exitCode: number): Promise<never> {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), CLOSE_WITHIN_MS);
  for (const one of inUse) await one.close();
  return process.exit(exitCode);
}

try {
  await work();
  await end(0);
} catch (thrown) {
  await channel.send(faultMessage(thrown));
  await end(1);
}
