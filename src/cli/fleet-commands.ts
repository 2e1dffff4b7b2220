import { type Command, InvalidArgumentError, Option } from 'commander';
import { list } from './model-commands.js';
import { wholeNumber } from './numbers.js';

/** `sideglance fleet …`: models for many devices, over the broker. See docs/fleet.md. */
export function addFleetCommands(program: Command): void {
  const fleet = program
    .command('fleet')
    .description('See what devices run, and roll models out to them, over the broker.');
  selecting(atBroker(fleet.command('status')))
    .description('Show what devices run and what becomes of models that are on their way to them.')
    .option('--model <id>', 'only devices and updates with this model')
    .option('--json', 'print one JSON object')
    .option('--check', 'end with exit code 1 where the last update of a device was refused or rolled back')
    .action(async (options) => {
      const { status } = await import('./fleet/status.js');
      process.exitCode = await status(options);
    });
  const rollout = selecting(atBroker(fleet.command('rollout')))
    .description('Roll a model out in waves; stop where devices refuse it or go back.')
    .option('--model <id>', 'id of the model')
    .option('--bundle-version <version>', 'its version')
    .option('--sha256 <hex>', 'SHA-256 of the .tar file')
    .option('--file <bundle.tar>', 'the bundle: model, version and digest are taken from it')
    .option('--keys <keys.json>', 'with --file: verify it by this key set before anything is published')
    .option('--url <url>', 'where devices fetch it from')
    .option(
      '--station <name>',
      'a station that gets it for itself; may be repeated (default: all with this model)',
      list,
      [],
    )
    .option(
      '--at <time>',
      'take over then, such as 2030-01-31T22:00Z; idle: when no part comes; shift: when shifts change',
      when,
      'now',
    )
    .option(
      '--shadow <parts>',
      'judge so many parts beside the model in use before; 0: none (default: as devices are configured)',
      wholeNumber(0, 1_000_000),
    )
    .option('--waves <percentages>', 'how much of the devices, wave by wave', waves, [5, 25, 100])
    .option('--wait <time>', 'how long a wave may take, such as 90s, 30m or 2h', duration, 1_800_000)
    .addOption(
      new Option('--settle <phase>', 'what a device has to reach before the next wave')
        .choices(['active', 'probation'])
        .default('active'),
    )
    .option('--max-failures <n>', 'so many devices may fail, in all', wholeNumber(0, 1_000_000), 0)
    .option(
      '--max-failure-share <share>',
      'or such a share of those that take part, such as 0.02: what is more',
      share,
      0,
    )
    .option(
      '--spread <time>',
      'devices of a wave begin within this time, each at a moment of its own',
      duration,
      60_000,
    )
    .option('--lasts <time>', 'devices that come later take it for so long, such as 7d', duration, 604_800_000)
    .option('--replace', 'even where another rollout of this model is not through')
    .option('--resume', 'go on with the rollout of --model where it was left');
  rollout.action(async (options) => {
    const { rollout: act } = await import('./fleet/rollout.js');
    process.exitCode = await act(options);
  });
  ofModel(atBroker(fleet.command('halt')))
    .description('Stop the rollout of a model: devices that have not made it active do not.')
    .action(async (options) => (await import('./fleet/rollout.js')).halt(options));
  ofModel(atBroker(fleet.command('withdraw')))
    .description('Take the rollout of a model back: devices that run it go back to the last good version, and bar it.')
    .option('--wait <time>', 'how long to wait until they have', duration, 300_000)
    .action(async (options) => {
      const { withdraw } = await import('./fleet/rollout.js');
      process.exitCode = await withdraw(options);
    });
}

function atBroker(command: Command): Command {
  return command
    .option('--broker <url>', 'such as mqtts://broker.example:8883')
    .option('--username <name>', 'at the broker')
    .option('--password-file <file>', 'a file that holds nothing but the password')
    .option('--ca <file>', 'certificates of the authority that signed the broker’s (PEM)')
    .option('--cert <file>', 'your own certificate (PEM)')
    .option('--key <file>', 'its private key (PEM)')
    .option('--client-id <id>', 'where the broker allows certain ones only')
    .option('-c, --config <file>', 'a configuration whose `mqtt` says all of that');
}

function selecting(command: Command): Command {
  return command
    .option('--site <name>', 'only this site, * for any text; may be repeated', list, [])
    .option('--line <name>', 'only this line, * for any text; may be repeated', list, [])
    .option('--device <site/line/name>', 'only this device, * for any text; may be repeated', list, []);
}

function ofModel(command: Command): Command {
  return command.requiredOption('--model <id>', 'id of the model');
}

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** @returns milliseconds */
function duration(text: string): number {
  const [, number, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (number !== undefined) return Number(number) * UNITS[unit as keyof typeof UNITS];
  throw new InvalidArgumentError('It must be a time such as 90s, 30m, 2h or 7d.');
}

function when(text: string): string {
  if (['now', 'idle', 'shift'].includes(text)) return text;
  const at = new Date(text);
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(at.getTime())) return at.toISOString();
  throw new InvalidArgumentError('It must be idle, shift, or a time such as 2030-01-31T22:00Z.');
}

function waves(text: string): readonly number[] {
  const percentages = text.split(',').map((one) => (/^\d+(\.\d+)?$/.test(one) ? Number(one) : Number.NaN));
  const isRising = percentages.every((percent, i) => percent > (percentages[i - 1] ?? 0) && percent <= 100);
  if (isRising) return percentages;
  throw new InvalidArgumentError('It must be rising percentages up to 100, such as 5,25,100.');
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('It must be a share from 0 to 1, such as 0.02.');
}
