import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { reasonOf } from '../../src/errors.js';
import { compareVersions } from '../../src/model/version.js';
import { type Fixture, look, makeFixture, recover } from './crash-fixture.js';

export interface Crashes {
  /** Changes of the file system in the whole scenario, each a place to end at. */
  readonly changes: number;
  /** How often the process was ended, by what was lost besides. */
  readonly ended: Readonly<Record<string, number>>;
  /** Where the store was not what it should be; empty when all is well. */
  readonly wrong: readonly string[];
  readonly seconds: number;
}

/** What is lost of what was not synced: nothing by SIGKILL, the rest by power cuts. */
export const LOSSES = ['nothing', 'contents', 'names', 'all'] as const;
type Loss = (typeof LOSSES)[number];

const PRELOAD = fileURLToPath(new URL('./power.js', import.meta.url));
const SCENARIO = fileURLToPath(new URL('./crash-scenario.js', import.meta.url));

/**
 * Ends a process that updates models at every n-th change that it makes on the disk, by SIGKILL and as if by power
 * cuts, and looks at what is left.
 */
export async function measureCrashes(every: number, losses: readonly Loss[] = LOSSES): Promise<Crashes> {
  const begun = performance.now();
  const fixture = await makeFixture();
  try {
    const changes = await changesOf(fixture);
    const wrong: string[] = [];
    const ended: Record<string, number> = {};
    for (const mode of losses) {
      let lowest = '0.0.0';
      for (let at = 1; at <= changes; at += every) {
        const found = await crashAt(fixture, at, mode);
        ended[mode] = (ended[mode] ?? 0) + 1;
        if (found.reason !== null) wrong.push(`${mode} lost at change ${at} of ${changes}: ${found.reason}`);
        // The later the end, the more has happened; an unsynced change may still be lost, but none that came before.
        else if (compareVersions(found.lowest, lowest) < 0)
          wrong.push(`${mode} lost at change ${at}: lowest ${found.lowest} after ${lowest}`);
        else lowest = found.lowest;
      }
    }
    return { changes, ended, wrong, seconds: (performance.now() - begun) / 1000 };
  } finally {
    await rm(fixture.root, { recursive: true, force: true });
  }
}

async function changesOf(fixture: Fixture): Promise<number> {
  const { code, output } = await runScenario(fixture, join(fixture.root, 'whole'), 0, 'nothing');
  if (code !== 0) throw new Error('the scenario does not come to its end');
  return Number(output);
}

async function crashAt(fixture: Fixture, at: number, mode: Loss): Promise<{ reason: string | null; lowest: string }> {
  const folder = join(fixture.root, `${mode}-${at}`);
  try {
    const { signal } = await runScenario(fixture, folder, at, mode);
    if (signal !== 'SIGKILL') throw new Error('it was not cut off');
    const { lowest, active } = await look(fixture, folder);
    if (compareVersions(lowest, active) < 0) throw new Error(`${active} is active, ${lowest} the lowest allowed`);
    await recover(fixture, folder);
    return { reason: null, lowest };
  } catch (thrown) {
    return { reason: reasonOf(thrown), lowest: '' };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runScenario({ store, keys, archives }: Fixture, folder: string, at: number, mode: Loss) {
  await cp(store, folder, { recursive: true });
  const child = spawn(process.execPath, ['--import', PRELOAD, SCENARIO, folder, keys, archives], {
    env: { ...process.env, SIDEGLANCE_CUT_AT: String(at), SIDEGLANCE_LOSES: mode },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output, [code, signal]] = await Promise.all([
    text(child.stdout),
    once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>,
  ]);
  return { code, signal, output };
}
