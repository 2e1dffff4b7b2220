import { reasonOf, SideglanceError } from '../../errors.js';
import type { MetricDefinition, Values } from './metric-set.js';
import type { MetricValue, Written } from './payload.js';

/**
 * What a host may have a station do. Only what is here is announced to hosts, as a writable metric. Each settles when the
 * work is done, and rejects with the reason why it is not.
 */
export interface StationCommands {
  /** The score from which its regions fail. */
  readonly setThreshold?: (station: string, score: number) => Promise<void>;
  readonly trigger?: (station: string) => Promise<void>;
  /** `<id>@<version>` of a bundle that is installed. */
  readonly activateModel?: (station: string, model: string) => Promise<void>;
}

/** Commands of a station that wait for the one before. */
const MOST_WAITING = 16;

/** Tells the score that holds, too, whoever has set it. */
export const THRESHOLD = 'Control/Threshold';
const RESULT = 'Control/Result';
const COUNT = 'Control/Commands';

interface Command {
  readonly definition: MetricDefinition;
  /** The metric keeps the value that was written: not one that only starts something. */
  readonly isKept: boolean;
  /** Null: a value of another kind. */
  run(station: string, value: MetricValue): Promise<void> | null;
}

function commandsOf({ setThreshold, trigger, activateModel }: StationCommands): Command[] {
  const commands: Command[] = [];
  if (setThreshold) {
    const documentation = 'Write the score from which the regions of this station fail.';
    commands.push({
      definition: { name: THRESHOLD, type: 'Double', documentation, isWritable: true },
      isKept: true,
      run: (station, value) =>
        typeof value === 'number' && value >= 0 && Number.isFinite(value) ? setThreshold(station, value) : null,
    });
  }
  if (trigger) {
    const documentation = 'Write true to have the next frame inspected.';
    commands.push({
      definition: { name: 'Control/Trigger', type: 'Boolean', documentation, isWritable: true, initial: false },
      isKept: false,
      run: (station, value) => (value === true ? trigger(station) : null),
    });
  }
  if (activateModel) {
    const documentation = 'Write <id>@<version> of an installed model bundle to have this station use it.';
    commands.push({
      definition: { name: 'Control/Model', type: 'String', documentation, isWritable: true },
      isKept: true,
      run: (station, value) => (typeof value === 'string' && value !== '' ? activateModel(station, value) : null),
    });
  }
  return commands;
}

/** The definitions of the metrics by which hosts give commands to a station; none where nothing executes them. */
export function commandDefinitions(commands: StationCommands): MetricDefinition[] {
  const definitions = commandsOf(commands).map(({ definition }) => definition);
  if (definitions.length === 0) return [];
  const documentation = 'How the last command went: the metric, and `done` or what went wrong.';
  return [
    ...definitions,
    { name: RESULT, type: 'String', documentation },
    { name: COUNT, type: 'Int64', documentation: 'Commands that were answered since the agent started.', initial: 0 },
  ];
}

/** Executes what hosts write to one station, one after the other, and tells how it went. */
export class CommandExecutor {
  readonly #station: string;
  readonly #commands: ReadonlyMap<string, Command>;
  readonly #tell: (values: Values) => void;
  #answered = 0;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  /** @param tell takes the metrics that say what has become of a command */
  constructor(station: string, commands: StationCommands, tell: (values: Values) => void) {
    this.#station = station;
    this.#commands = new Map(commandsOf(commands).map((command) => [command.definition.name, command]));
    this.#tell = tell;
  }

  /** @param name of the metric that was written, as its definition has it */
  write(name: string, value: Written['value']): void {
    const command = this.#commands.get(name);
    if (!command) return;
    if (this.#waiting >= MOST_WAITING) {
      this.#answer({ [RESULT]: `${name}: refused, ${MOST_WAITING} commands wait already` });
      return;
    }
    this.#waiting++;
    this.#last = this.#last.then(async () => {
      this.#answer(await this.#execute(command, value));
      this.#waiting--;
    });
  }

  #answer(values: Values): void {
    this.#answered++;
    this.#tell({ ...values, [COUNT]: this.#answered });
  }

  async #execute({ definition, isKept, run }: Command, value: Written['value']): Promise<Values> {
    const { name, type } = definition;
    try {
      const work = run(this.#station, value);
      if (!work) return { [RESULT]: `${name}: refused, ${JSON.stringify(value)} is no value for it (${type})` };
      await work;
      return { ...(isKept ? { [name]: value } : {}), [RESULT]: `${name}: done` };
    } catch (thrown) {
      const code = thrown instanceof SideglanceError ? `${thrown.code} ` : '';
      return { [RESULT]: `${name}: ${code}${reasonOf(thrown)}` };
    }
  }
}
