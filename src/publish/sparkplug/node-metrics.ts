import type { MetricDefinition } from './metric-set.js';

export const BIRTH_DEATH_SEQUENCE = 'bdSeq';
export const REBIRTH = 'Node Control/Rebirth';
export const NEXT_SERVER = 'Node Control/Next Server';

/** The metrics of the edge node itself. @param hasNext whether there is another broker to go to */
export function nodeDefinitions(agentVersion: string, startedMs: number, hasNext: boolean): MetricDefinition[] {
  return [
    {
      name: BIRTH_DEATH_SEQUENCE,
      type: 'Int64',
      documentation: 'The number of this connection, by which its death is recognised.',
      hasNoAlias: true,
    },
    {
      name: REBIRTH,
      type: 'Boolean',
      documentation: 'Write true to have all births sent again.',
      isWritable: true,
      hasNoAlias: true,
      initial: false,
    },
    ...(hasNext
      ? [
          {
            name: NEXT_SERVER,
            type: 'Boolean' as const,
            documentation: 'Write true to have this node go to its next broker.',
            isWritable: true as const,
            initial: false,
          },
        ]
      : []),
    { name: 'Agent/Version', type: 'String', documentation: 'The version of sideglance.', initial: agentVersion },
    { name: 'Agent/Started', type: 'DateTime', documentation: 'When the agent was started.', initial: startedMs },
    {
      name: 'Agent/Clock Synced',
      type: 'Boolean',
      documentation: 'Whether the clock of this computer is synchronised; without, times are only as good as it is.',
    },
    {
      name: 'Store/Waiting',
      type: 'Int64',
      documentation: 'Messages that wait to be sent.',
      initial: 0,
    },
    {
      name: 'Store/Dropped',
      type: 'Int64',
      documentation: 'Messages that were dropped since the agent started: too old, or no room.',
      initial: 0,
    },
    { name: 'Store/Alarm', type: 'String', documentation: 'What is wrong with the store; null when nothing is.' },
  ];
}
