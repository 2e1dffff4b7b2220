import { Command, Option } from 'commander';
import { describeFailure } from './cli/failure.js';
import { addFleetCommands } from './cli/fleet-commands.js';
import { addModelCommands } from './cli/model-commands.js';
import { addModelOptions, addRuntimeOptions, box } from './cli/model-options.js';
import { positiveNumber, wholeNumber } from './cli/numbers.js';
import { AGENT_VERSION } from './model/version.js';

/** A command may leave native threads behind; the process ends all the same, so long after its last line. */
const LINGER_MS = 500;

/**
 * Runs one command line and sets the process's exit code: 0, 1 when the command failed, 2 when the command line or
 * the configuration is at fault.
 * @param argv as in `process.argv`
 */
export async function main(argv: readonly string[]): Promise<void> {
  // The daemon has its own way with its output.
  if (argv[2] !== 'run') endWithReader();
  try {
    await createProgram().parseAsync(argv);
  } catch (thrown) {
    const { text, exitCode } = describeFailure(thrown, Boolean(process.env.DEBUG));
    if (text !== '') process.stderr.write(`${text}\n`);
    process.exitCode = exitCode;
  }
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

/** `sideglance … | head`: a reader that has seen enough is no fault. */
function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit();
    });
  }
}

/** The whole command line; completions and the manual page are made from it. */
export function createProgram(): Command {
  const program = new Command('sideglance')
    .description('Inspects parts with industrial cameras: looks at every patch and at what surrounds it.')
    .version(AGENT_VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    // Set before the commands are made, which inherit it.
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .showSuggestionAfterError();

  program
    .command('run')
    .description('Run the daemon: inspect parts and publish verdicts until it is told to stop.')
    .option('-c, --config <file>', 'the configuration', 'config.yaml')
    .action(async (options) => {
      const { run } = await import('./cli/run.js');
      process.exitCode = await run(options);
    });

  program
    .command('train')
    .description('Train a model from images of good parts and write it as a bundle.')
    .requiredOption('--images <dir>', 'folder of good images, or an MVTec category (then only train/good is read)')
    .requiredOption('--out <bundle>', 'folder of the model bundle to write; a bundle that is there is replaced')
    .option(
      '--seed <n>',
      'the same seed and --steps on the same machine give the same model',
      wholeNumber(0, 0xffff_ffff),
      1,
    )
    .addOption(new Option('--minutes <m>', 'how long to train (default: 5)').argParser(positiveNumber(10_000)))
    .addOption(
      new Option('--steps <n>', 'how many steps to train, instead of a time')
        .argParser(wholeNumber(1, 10_000_000))
        .conflicts('minutes'),
    )
    .addOption(
      new Option(
        '--geometry <what>',
        'parts, where each place shows what belongs there (aligned), or a surface without parts, such as cloth or sheet (field)',
      )
        .choices(['aligned', 'field'])
        .default('aligned'),
    )
    .option(
      '--size <pixels>',
      'side of a square of as many pixels as the region is scaled to (default: 256; for a surface, every pixel)',
      wholeNumber(64, 1024),
    )
    .addOption(
      new Option('--scale <factor>', 'for a surface: pixels of the image to a pixel that the model sees (default: 1)')
        .argParser(positiveNumber(100))
        .conflicts('size'),
    )
    .addOption(
      new Option(
        '--placement <how>',
        'parts in one place, give or take the play of a fixture, or turned and shifted; auto: the images say',
      )
        .choices(['auto', 'aligned', 'anywhere'])
        .default('auto'),
    )
    .option('--threads <n>', 'threads to use (default: every core)', wholeNumber(1, 128))
    .addOption(
      new Option('--method <name>', 'paper: the method as it was published, slow, to compare with')
        .choices(['sideglance', 'paper'])
        .default('sideglance'),
    )
    .option('--id <name>', 'name of the model (default: the name of the bundle’s folder)')
    .option('--bundle-version <version>', 'version of the model (default: 1.0.0)')
    .option('--json', 'print the result as one JSON object')
    .action(async (options) => {
      const { train } = await import('./cli/train.js');
      process.exitCode = await train(options);
    });

  addModelOptions(program.command('evaluate'))
    .description('Measure a model on the test images of a category laid out like MVTec AD.')
    .requiredOption('--dataset <dir>', 'the category: test/good, test/<defect>, ground_truth/<defect>')
    .option('--json [file]', 'write the figures as JSON to a file, which is overwritten, or print them')
    .option('--report <file.html>', 'write a page with figures, curves and every image to a file, which is overwritten')
    .action(async (options) => {
      const { evaluate } = await import('./cli/evaluate.js');
      process.exitCode = await evaluate(options);
    });

  addRuntimeOptions(program.command('calibrate'))
    .description(
      'Calibrate a model anew from images of parts seen on the line, without training: the same model with new scores of good parts, written as a new version.',
    )
    .requiredOption('--images <dir>', 'folder of images; without --labels all of them are of good parts')
    .option('--labels <file>', 'CSV file,label or JSON Lines {"file", "label"}; a label is pass or fail')
    .option('--assume-good', 'with --labels: images without a label are of good parts')
    .option('--combine', 'add the new scores to those in the bundle (default: replace them)')
    .option('--out <bundle>', 'folder of the bundle to write (default: that of --model, which is replaced as a whole)')
    .option('--bundle-version <version>', 'version of the new bundle (default: the last number plus one)')
    .option('--region <x,y,width,height>', 'the part of the images that the model sees (default: all of it)', box)
    .option('--json', 'print the result as one JSON object')
    .addHelpText(
      'after',
      `
Parts that are labelled fail never count as good; they show what the new threshold means: how many of them it catches,
and which it misses. Parts that are labelled pass count as good even if the model rejected them. File names in the
labels are relative to --images. The false reject rate is that of the printed thresholds; the bundle holds the scores,
and each station takes its threshold from them by its own rate. See docs/calibration.md.`,
    )
    .action(async (options) => {
      const { calibrate } = await import('./cli/calibrate.js');
      process.exitCode = await calibrate(options);
    });

  addModelOptions(program.command('inspect'))
    .description('Inspect image files; print a JSON line for each.')
    .argument('<files...>', 'image files, or folders of them')
    .option('--out <dir>', 'folder for an overlay of each image: heat map, defects, verdict')
    .option('--region <x,y,width,height>', 'the part of the images to inspect (default: all of it)', box)
    .action(async (files, options) => {
      const { inspect } = await import('./cli/inspect.js');
      process.exitCode = await inspect(files, options);
    });

  program
    .command('bench')
    .description(
      'Measure how long each stage takes with your own cameras and model: run the daemon for a while, with a broker of its own.',
    )
    .option('-c, --config <file>', 'the configuration', 'config.yaml')
    .option('--model <bundle>', 'folder of a model bundle for every station (default: those of the configuration)')
    .option('--seconds <s>', 'how long to measure', positiveNumber(3600), 20)
    .option('--json', 'print one JSON object')
    .action(async (options) => {
      const { bench } = await import('./cli/bench.js');
      process.exitCode = await bench(options);
    });

  program
    .command('engine')
    .description('TensorRT engines, which depend on the model, the GPU and the version of TensorRT.')
    .command('build')
    .description('Build engines ahead, so that no station has to at its start; one that is there is only checked.')
    .option('--model <bundle>', 'folder of the model bundle (default: those of every station of the configuration)')
    .option('-c, --config <file>', 'the configuration: its `infer.tensorrt` decides about the engine')
    .option('--library <path>', 'a libonnxruntime.so with TensorRT')
    .option('--json', 'print a JSON line for each engine')
    .action(async (options) => {
      const { buildEngines } = await import('./cli/engine.js');
      process.exitCode = await buildEngines(options);
    });

  addModelCommands(program);
  addFleetCommands(program);

  program
    .command('doctor')
    .description('Say what is there and what is missing for this configuration, each with a fix.')
    .option('-c, --config <file>', 'the configuration', 'config.yaml')
    .option('--json', 'print one JSON object')
    .option('--patience <seconds>', 'longest time for one check', positiveNumber(86_400), 60)
    .action(async (options) => {
      const { doctor } = await import('./cli/doctor.js');
      process.exitCode = await doctor(options);
    });

  program
    .command('simulate')
    .description('Write a data set of simulated parts, laid out like MVTec AD.')
    .requiredOption('--out <dir>', 'folder to write; it must be new or empty')
    .option('--good <n>', 'good parts to train from', wholeNumber(0, 100_000), 100)
    .option('--test-good <n>', 'good parts to test with', wholeNumber(0, 100_000), 100)
    .option('--defective <n>', 'defective parts to test with, shared among the kinds', wholeNumber(0, 100_000), 100)
    .option('--seed <n>', 'the same seed gives the same parts', wholeNumber(0, 0xffff_ffff), 1)
    .option('--size <pixels>', 'side of the square pictures', wholeNumber(128, 4096), 512)
    .addOption(
      new Option('--placement <how>', 'parts in a fixture, or turned and shifted')
        .choices(['aligned', 'anywhere'])
        .default('aligned'),
    )
    .option('--grey', 'pictures in grey')
    .action(async (options) => {
      const { simulate } = await import('./cli/simulate.js');
      process.exitCode = await simulate(options);
    });

  return program;
}
