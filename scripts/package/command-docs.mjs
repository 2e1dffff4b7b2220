// The manual page and shell completions, made from the command line itself (`createProgram` of src/cli.ts).

/** Every command with its options, subcommands by their whole name (`engine build`). */
function commandsOf(program, prefix = '') {
  return program.commands.flatMap((command) => {
    const name = `${prefix}${command.name()}`;
    const inner = commandsOf(command, `${name} `);
    return inner.length > 0 ? inner : [{ name, command }];
  });
}

/** roff takes a leading dot, and backslashes, as its own. */
function roff(text) {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');
}

/** @returns {string} sideglance(1) */
export function manualPage(program, version, date) {
  const commands = commandsOf(program).flatMap(({ name, command }) => [
    `.SS "sideglance ${roff(name)}${roff(argumentsOf(command))}"`,
    roff(command.description()),
    ...command.options.flatMap((option) => ['.TP', `.B ${roff(option.flags)}`, roff(option.description)]),
  ]);
  return `${[
    `.TH SIDEGLANCE 1 "${date}" "sideglance ${version}" "User Commands"`,
    '.SH NAME',
    'sideglance \\- inspect parts with industrial cameras',
    '.SH SYNOPSIS',
    '.B sideglance',
    '.I COMMAND',
    '.RI [ OPTION ...]',
    '.SH DESCRIPTION',
    roff(program.description()),
    'It learns from pictures of good parts only, runs as a service, and publishes verdicts and anomaly maps over MQTT.',
    '.SH COMMANDS',
    ...commands,
    '.SH FILES',
    ...files().flatMap(([path, what]) => ['.TP', `.I ${roff(path)}`, roff(what)]),
    '.SH EXIT STATUS',
    '0, 1 when the command failed, 2 when the command line or the configuration is at fault.',
    '.SH SEE ALSO',
    '.BR systemctl (1),',
    '.BR journalctl (1),',
    roff('/usr/share/doc/sideglance/operations.md'),
  ].join('\n')}\n`;
}

function files() {
  return [
    ['/etc/sideglance/config.yaml', 'The configuration of the service. Every key is explained in it.'],
    ['/etc/sideglance/credentials/', 'Passwords and keys: mqtt-password, mqtt-key, camera-password. For root alone.'],
    ['/etc/sideglance/environment', 'Variables of the service, such as ORT_LIB.'],
    ['/var/lib/sideglance/', 'What the service keeps. Models may lie in models/.'],
    ['/var/cache/sideglance/', 'What it can make again: engines, optimised graphs.'],
  ];
}

function argumentsOf(command) {
  const named = command.registeredArguments.map((one) => (one.variadic ? `${one.name()}...` : one.name()));
  return named.length === 0 ? '' : ` ${named.join(' ')}`;
}

function longFlags(command) {
  return command.options.map((option) => option.long).filter((flag) => flag !== undefined);
}

/** @returns {string} for bash-completion */
export function bashCompletion(program) {
  const commands = commandsOf(program);
  const first = [...new Set(commands.map(({ name }) => name.split(' ')[0]))];
  const cases = commands.map(({ name, command }) => {
    const choices = command.options
      .filter((option) => option.argChoices)
      .map((option) => `${option.long}) words='${option.argChoices.join(' ')}' ;;`);
    const byOption = choices.length === 0 ? '' : `case $previous in ${choices.join(' ')} esac`;
    return `    '${name}') words='${longFlags(command).join(' ')} --help'; ${byOption} ;;`;
  });
  return `# Completion of sideglance(1) for bash.
_sideglance() {
  local current previous words command
  current=\${COMP_WORDS[COMP_CWORD]}
  previous=\${COMP_WORDS[COMP_CWORD - 1]}
  command=\${COMP_WORDS[1]}
  [ "$command" = engine ] && command="engine \${COMP_WORDS[2]}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='${first.join(' ')} --help --version'
  else
    case $command in
${cases.join('\n')}
    *) words=build ;;
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  # Everything else is a file.
  if [ "\${#COMPREPLY[@]}" -eq 0 ]; then compopt -o default; fi
}
complete -F _sideglance sideglance
`;
}

/** @returns {string} for zsh */
export function zshCompletion(program) {
  const quote = (text) =>
    text.replaceAll("'", "'\\''").replaceAll(':', '\\:').replaceAll('[', '\\[').replaceAll(']', '\\]');
  const commands = commandsOf(program);
  const first = new Map(commands.map(({ name, command }) => [name.split(' ')[0], command.description()]));
  const cases = commands.map(({ name, command }) => {
    const flags = command.options.map((option) => {
      const value =
        option.required || option.optional
          ? `:value:${option.argChoices ? `(${option.argChoices.join(' ')})` : '_files'}`
          : '';
      return `'${option.long}[${quote(option.description)}]${value}'`;
    });
    return `    ${name.split(' ')[0]}) _arguments ${[...flags, "'*:file:_files'"].join(' ')} ;;`;
  });
  return `#compdef sideglance
local -a commands
commands=(${[...first].map(([name, what]) => `'${name}:${quote(what)}'`).join(' ')})
if (( CURRENT == 2 )); then
  _describe command commands
else
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
fi
`;
}
