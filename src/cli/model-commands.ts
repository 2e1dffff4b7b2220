import { type Command, InvalidArgumentError, Option } from 'commander';
import { ACCEPTANCE_LABELS } from '../updates/acceptance-part.js';
import { wholeNumber } from './numbers.js';

/** `sideglance model …`: bundles that are signed, shipped and installed. See docs/models.md. */
export function addModelCommands(program: Command): void {
  const model = program.command('model').description('Sign, pack, verify and install model bundles.');
  addKeyCommands(model);
  addBundleCommands(model);
  addStoreCommands(model);
  addAcceptCommands(model.command('accept').description('Parts of this line that every new model has to judge right.'));
}

function addKeyCommands(model: Command): void {
  model
    .command('keygen')
    .description('Make a pair of keys to sign with, in the format of minisign.')
    .requiredOption('--out <name>', 'writes <name>.pub and <name>.key, which must not be there')
    .addOption(passwordFile())
    .option('--no-password', 'do not encrypt the secret key')
    .action(async (options) => (await import('./model/keys.js')).keygen(options));
  model
    .command('keys')
    .description('Make the set of keys that devices trust, or the next one from the one before.')
    .requiredOption('--out <keys.json>', 'the file to write')
    .option('--from <keys.json>', 'the key set before: its keys and revocations are carried on')
    .option('--key <file.pub>', 'a public key to trust, named after its file; may be repeated', list, [])
    .option('--revoke <file.pub>', 'a public key never to be trusted again; may be repeated', list, [])
    .option('--threshold <n>', 'how many of the keys have to sign (default: as before, at first 1)', wholeNumber(1, 16))
    .action(async (options) => (await import('./model/keys.js')).keys(options));
  addSigning(model.command('sign'))
    .description('Sign a bundle, or a key set; several people may sign one after the other.')
    .argument('<bundle|keys.json>', 'folder of a bundle, or the file of a key set')
    .action(async (path, options) => (await import('./model/keys.js')).sign(path, options));
  onDevice(model.command('trust'))
    .description('Trust a key set from now on, which enough of the trusted keys signed.')
    .argument('<keys.json>')
    .action(async (file, options) => (await import('./model/keys.js')).trust(file, options));
}

function addBundleCommands(model: Command): void {
  model
    .command('limit')
    .description('Say where and until when a bundle may be installed; what is not said is not limited. Before signing.')
    .argument('<bundle>', 'folder of a bundle')
    .option('--device <site/line/name>', 'a device, * for any text; may be repeated', list, [])
    .option('--station <name>', 'a station, * for any text; may be repeated', list, [])
    .option(
      '--expires <time>',
      'the moment after which it is not installed any more, such as 2030-01-31T00:00:00Z',
      moment,
    )
    .action(async (folder, options) => (await import('./model/bundles.js')).limit(folder, options));
  addSigning(model.command('permit'))
    .description('Sign a permission to install a bundle although a newer one was installed before.')
    .argument('<bundle>', 'folder of a bundle that is signed')
    .requiredOption('--device <site/line/name>', 'a device, * for any text; may be repeated', list)
    .requiredOption('--until <time>', 'the moment after which the permission is void', moment)
    .action(async (folder, options) => (await import('./model/bundles.js')).permit(folder, options));
  model
    .command('pack')
    .description('Pack the folder of a bundle into one file; the same folder gives the same file.')
    .argument('<bundle>', 'folder of a bundle')
    .requiredOption('--out <file.tar>', 'the file to write; one that is there is replaced')
    .action(async (folder, options) => (await import('./model/bundles.js')).pack(folder, options));
  model
    .command('verify')
    .description('Verify signatures and every file of a bundle: by a key set, or with all that a device asks for.')
    .argument('<bundle>', 'folder or .tar file')
    .option('--keys <keys.json>', 'the keys to verify with')
    .option('-c, --config <file>', 'the configuration of the device')
    .option('--json', 'print one JSON object')
    .action(async (path, options) => (await import('./model/bundles.js')).verify(path, options));
  model
    .command('show')
    .description('Show what a bundle says of itself.')
    .argument('<bundle>', 'folder or .tar file')
    .option('--json', 'print its manifest')
    .action(async (path, options) => (await import('./model/bundles.js')).show(path, options));
  model
    .command('diff')
    .description('Show what two bundles say differently; the exit code is 1 where they do.')
    .argument('<bundle>', 'folder or .tar file')
    .argument('<bundle>', 'folder or .tar file')
    .action(async (before, after) => {
      process.exitCode = await (await import('./model/bundles.js')).diff(before, after);
    });
}

function addStoreCommands(model: Command): void {
  whenAndHow(onDevice(model.command('install')))
    .description(
      'Verify a bundle, install it on this device, prove it by its golden samples and the acceptance set, and make it active.',
    )
    .argument('<bundle>', 'folder or .tar file')
    .option('--no-activate', 'install it without making it active')
    .option('--json', 'print one JSON object')
    .action(async (path, options) => (await import('./model/installed.js')).install(path, options));
  whenAndHow(onDevice(model.command('activate')))
    .description('Prove a version that is installed once more, and make it active.')
    .argument('<id@version>')
    .action(async (name, options) => (await import('./model/installed.js')).activate(name, options));
  onDevice(model.command('cancel'))
    .description('Take back that a version is to take over later.')
    .argument('<id>', 'id of the model')
    .option('--station <name>', 'what is planned for one station only')
    .action(async (id, options) => (await import('./model/installed.js')).cancel(id, options));
  onDevice(model.command('list'))
    .description('List what is installed on this device, what is active, and what is to be.')
    .option('--json', 'print one JSON array')
    .action(async (options) => (await import('./model/installed.js')).list(options));
  onDevice(model.command('rollback'))
    .description('Make the last good version of a model active again, and bar the one that was.')
    .argument('<id>', 'id of the model')
    .option('--to <version>', 'another installed version')
    .option('--station <name>', 'on one station only')
    .option('--reason <text>', 'why the version is barred', 'rolled back by hand')
    .option('--no-bar', 'do not bar it')
    .action(async (id, options) => (await import('./model/installed.js')).rollback(id, options));
  onDevice(model.command('confirm'))
    .description('End the probation of the active version: it is the last good one.')
    .argument('<id>', 'id of the model')
    .option('--station <name>', 'on one station only')
    .action(async (id, options) => (await import('./model/installed.js')).confirm(id, options));
  onDevice(model.command('unbar'))
    .description('Let a version be used again that was barred.')
    .argument('<id@version>')
    .action(async (name, options) => (await import('./model/installed.js')).unbar(name, options));
}

function addAcceptCommands(accept: Command): void {
  const ofStation = (command: Command) =>
    onDevice(command).requiredOption('--station <name>', 'the station whose camera saw the parts');
  ofStation(accept.command('add'))
    .description('Add pictures of parts, as the camera gives them, or give them another label.')
    .argument('<image...>')
    .addOption(
      new Option('--label <label>', 'what a model has to say about them')
        .choices(ACCEPTANCE_LABELS)
        .makeOptionMandatory(),
    )
    .action(async (files, options) => (await import('./model/accept.js')).add(files, options));
  ofStation(accept.command('list'))
    .description('List the parts of a station.')
    .option('--json', 'print one JSON array')
    .action(async (options) => (await import('./model/accept.js')).list(options));
  ofStation(accept.command('remove'))
    .description('Remove parts by the names that `list` shows.')
    .argument('<name...>')
    .action(async (names, options) => (await import('./model/accept.js')).remove(names, options));
}

function whenAndHow(command: Command): Command {
  return command
    .option('--station <name>', 'make it active on one station only')
    .option(
      '--at <time>',
      'take over then, such as 2030-01-31T22:00Z; idle: when no part comes; shift: when shifts change',
    )
    .option(
      '--shadow <parts>',
      'judge so many parts beside the model in use before; 0: none (default: as `models.shadow` says when installing)',
      wholeNumber(0, 1_000_000),
    );
}

function onDevice(command: Command): Command {
  return command.option('-c, --config <file>', 'the configuration of the device', 'config.yaml');
}

function addSigning(command: Command): Command {
  return command
    .requiredOption('--key <file.key>', 'the secret key')
    .addOption(passwordFile())
    .option('--comment <text>', 'what is signed along: a line for people');
}

function passwordFile(): Option {
  return new Option(
    '--password-file <file>',
    'a file whose first line is the password of the secret key; - for standard input',
  );
}

export function list(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/** A moment in UTC, as manifests write it. */
function moment(text: string): string {
  const at = new Date(text);
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(at.getTime())) return at.toISOString();
  throw new InvalidArgumentError('It must be a date, or a time such as 2030-01-31T00:00:00Z.');
}
