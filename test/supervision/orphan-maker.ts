/** An "agent" that is killed by the test: it runs one scripted station and says its process id. */
import { fileURLToPath } from 'node:url';
import { StationSupervisor } from '../../src/supervision/station-supervisor.js';
import type { Script, ScriptedStart } from './scripted-station.js';

const supervisor = new StationSupervisor<ScriptedStart>({
  name: 's',
  entry: fileURLToPath(new URL('./scripted-station.js', import.meta.url)),
  start: { station: 's', script: process.argv[2] as Script },
  deadlineMs: 1_000,
  events: {
    onAnswer() {},
    onCamera() {
      console.log(supervisor.snapshot().pid);
    },
    onModel() {},
    onBundle() {},
    onEvent() {},
  },
});
supervisor.start();
