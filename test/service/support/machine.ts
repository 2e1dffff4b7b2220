import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmdirSync } from 'node:fs';
import { chmod, cp, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { PACKAGE_ROOT } from '../../../src/paths.js';
import { childrenOf } from '../../support/processes.js';

const run = promisify(execFile);
const SYSTEMD = '/lib/systemd/systemd';
const NAMESPACES = ['--mount', '--pid', '--cgroup', '--uts', '--ipc', '--net'];
const UNSHARE = ['--kill-child', '--fork', '--mount-proc', ...NAMESPACES];
/** Far above what anything here takes, also on a busy machine. */
const BOUND_MS = 90_000;

/**
 * The machine: this one's files under a layer in memory that is thrown away, a network with nothing but loopback, and no units
 * but these. sideglance lies where the package puts it. Arguments: a folder, the checkout, its node_modules, node.
 */
const BOOT = `
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1" && cd "$1" && mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root && cd root
mount -t proc proc proc && mount --rbind /sys sys && mount --rbind /dev dev
mount -t tmpfs tmpfs run && mount -t tmpfs -o mode=1777 tmpfs tmp && mount -t cgroup2 cgroup2 sys/fs/cgroup
grep -q '^sideglance:' etc/passwd || {
  echo 'sideglance:x:64990:64990::/var/lib/sideglance:/usr/sbin/nologin' >> etc/passwd
  echo 'sideglance:x:64990:' >> etc/group
}
rm -rf usr/lib/sideglance etc/sideglance var/lib/sideglance var/cache/sideglance
mkdir -p usr/lib/sideglance/node/bin usr/lib/sideglance/node_modules etc/sideglance
for part in bin dist models; do mkdir usr/lib/sideglance/$part && mount --bind "$2/$part" usr/lib/sideglance/$part; done
cp "$2/package.json" usr/lib/sideglance/ && cp "$2/deploy/deb/sideglance" usr/bin/sideglance
mount --bind "$3" usr/lib/sideglance/node_modules
touch usr/lib/sideglance/node/bin/node && mount --bind "$4" usr/lib/sideglance/node/bin/node
mkdir -p etc/units/sideglance.service.d && cp "$2/deploy/jetson/sideglance.service" etc/units/
for unit in systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket; do cp lib/systemd/system/$unit etc/units/; done
for target in sysinit basic sockets shutdown network multi-user; do printf '[Unit]\\nDefaultDependencies=no\\n' > etc/units/$target.target; done
printf '[Unit]\\nRequires=sysinit.target systemd-journald.service\\n' > etc/units/test.target
pivot_root . mnt && umount -l /mnt && mount --make-rshared /
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=unshare SYSTEMD_UNIT_PATH=/etc/units \\
  ${SYSTEMD} --system --unit=test.target --log-target=journal --show-status=no
`;

/** For `skip`: false, or why no systemd can be started here. */
export function withoutSystemd(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, to start a systemd of its own in namespaces';
  if (!existsSync(SYSTEMD)) return 'systemd is not installed';
  const tried = spawnSync('unshare', [...UNSHARE, 'sh', '-c', 'mount -t cgroup2 cgroup2 /sys/fs/cgroup'], {
    encoding: 'utf8',
  });
  return tried.status === 0 ? false : `namespaces are not allowed here: ${tried.stderr.trim()}`;
}

export interface ServiceFacts {
  readonly ActiveState: string;
  readonly SubState: string;
  readonly Result: string;
  readonly StatusText: string;
  readonly MainPID: string;
  readonly NRestarts: string;
  readonly ExecMainStatus: string;
}

/** A machine that has booted a systemd as process 1, with sideglance installed and not started. */
export class Machine {
  readonly #folder: string;
  readonly #process: ChildProcess;
  #said = '';

  private constructor(folder: string) {
    this.#folder = folder;
    const modules = realpathSync(join(PACKAGE_ROOT, 'node_modules'));
    const args = [folder, PACKAGE_ROOT, modules, realpathSync(process.execPath)];
    // The kernel switches it off where the test is killed.
    const command = ['--pdeathsig', 'KILL', 'unshare', ...UNSHARE, 'sh', '-c', BOOT, 'boot', ...args];
    this.#process = spawn('setpriv', command, {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (chunk) => {
        this.#said += chunk;
      });
    }
  }

  static async boot(): Promise<Machine> {
    const machine = new Machine(mkdtempSync(join(tmpdir(), 'sideglance-machine-')));
    await machine.until(
      'systemd has booted',
      async () => (await machine.run('systemctl', 'is-active', 'test.target')).ok,
    );
    return machine;
  }

  /** Runs a program on the machine. */
  async run(...command: readonly string[]): Promise<{ readonly ok: boolean; readonly text: string }> {
    assert.equal(this.#process.exitCode, null, `the machine has ended: ${this.#said}`);
    const systemd = this.#systemd;
    if (systemd === undefined) return { ok: false, text: '' };
    const inside = ['--target', String(systemd), ...NAMESPACES, '--root', '--wd=/', '--'];
    return run('nsenter', [...inside, ...command], {
      timeout: BOUND_MS,
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
    }).then(
      ({ stdout }) => ({ ok: true, text: stdout }),
      ({ stdout, stderr }) => ({ ok: false, text: `${stdout}${stderr}` }),
    );
  }

  /** Like `run`, for what has to go well. */
  async must(...command: readonly string[]): Promise<string> {
    const { ok, text } = await this.run(...command);
    assert.ok(ok, `${command.join(' ')}: ${text}\n${await this.journal()}`);
    return text;
  }

  /** Writes a file of the machine. */
  async write(path: string, text: string, mode = 0o644): Promise<void> {
    const file = this.#path(path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    await chmod(file, mode);
  }

  /** Copies a folder onto the machine. */
  async copy(from: string, to: string): Promise<void> {
    await cp(from, this.#path(to), { recursive: true });
    await this.must('chmod', '-R', 'a+rX', to);
  }

  #path(inside: string): string {
    return `/proc/${this.#systemd}/root${inside}`;
  }

  get #systemd(): number | undefined {
    return childrenOf(this.#process.pid as number)[0];
  }

  /** systemd's properties of the service. */
  async service(): Promise<ServiceFacts> {
    const names = 'ActiveState,SubState,Result,StatusText,MainPID,NRestarts,ExecMainStatus';
    const text = await this.must('systemctl', 'show', 'sideglance', '--property', names);
    return Object.fromEntries(text.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2))) as ServiceFacts;
  }

  async journal(): Promise<string> {
    const { text } = await this.run(
      'journalctl',
      '--unit',
      'sideglance',
      '--no-pager',
      '--output',
      'cat',
      '--lines',
      '60',
    );
    return text;
  }

  async until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + BOUND_MS;
    while (!(await isSo())) {
      if (Date.now() >= end) assert.fail(`waited in vain until ${what}:\n${this.#said}\n${await this.journal()}`);
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  /** The process id, as seen from outside, of one inside. */
  async outside(inside: number): Promise<number> {
    const space = readlinkSync(`/proc/${this.#systemd}/ns/pid`);
    const found = readdirSync('/proc').find((name) => {
      try {
        const ids = /^NSpid:\t(.*)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1]?.split('\t') ?? [];
        return ids.at(-1) === String(inside) && readlinkSync(`/proc/${name}/ns/pid`) === space;
      } catch {
        return false;
      }
    });
    return Number(found ?? assert.fail(`there is no process ${inside}`));
  }

  async off(): Promise<void> {
    const ended = this.#process.exitCode === null ? once(this.#process, 'exit') : null;
    this.#process.kill('SIGKILL');
    await ended;
    rmdirSync(this.#folder);
  }
}
