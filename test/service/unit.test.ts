import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AGENT_LIMITS } from '../../src/agent.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { LIFELINE_LIMITS } from '../../src/service/lifeline.js';
import { STATION_PROCESS_LIMITS } from '../../src/supervision/station-process.js';

const UNIT = join(PACKAGE_ROOT, 'deploy', 'jetson', 'sideglance.service');
const analyze = (...args: string[]) =>
  spawnSync('systemd-analyze', [...args, UNIT], { encoding: 'utf8', env: { ...process.env, SYSTEMD_PAGER: '' } });
const skip = analyze('--version').status === 0 ? false : 'systemd is not installed';

test('the unit exposes no more than 2.5 of 10, by systemd’s own measure', { skip }, () => {
  const { status, stdout, stderr } = analyze('security', '--offline=true', '--threshold=25');
  assert.equal(status, 0, `${stdout}${stderr}`);
});

test('systemd understands every line of the unit', { skip }, () => {
  const { stderr } = analyze('verify', '--man=no');
  const complaints = stderr.split('\n').filter((line) => line.includes(`${UNIT}:`));
  assert.deepEqual(complaints, []);
});

test('what systemd waits for is longer than what the agent takes', () => {
  const unit = readFileSync(UNIT, 'utf8');
  const seconds = (key: string) => {
    const [, value, unitName] = new RegExp(`^${key}=(\\d+)(s|min)$`, 'm').exec(unit) ?? [];
    return Number(value) * (unitName === 'min' ? 60 : 1);
  };
  const { stationStopMs, drainMs, farewellMs, brokerStopMs } = AGENT_LIMITS;
  assert.ok(seconds('TimeoutStopSec') * 1000 > 4 * (stationStopMs + drainMs + farewellMs + brokerStopMs));
  assert.ok(seconds('TimeoutStartSec') * 1000 > STATION_PROCESS_LIMITS.startWithinMs + 30_000);
  // A station that hangs is ended by the agent long before.
  const { progressWithinMs } = STATION_PROCESS_LIMITS;
  assert.ok(seconds('WatchdogSec') * 1000 > progressWithinMs + LIFELINE_LIMITS.overdueGraceMs);
});
