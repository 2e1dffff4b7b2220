import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** Sparse: what is not written takes no room. */
const IMAGE_BYTES = 1024 * 1024 * 1024;
const SECTOR_BYTES = 512;

/** A disk of its own, whose writes are counted. */
export interface Disk {
  readonly folder: string;
  /** Bytes that have reached it, with those of the file system, after everything that waits in memory. */
  writtenBytes(): number;
  close(): void;
}

/** An ext4 in a file, where this account may mount one (root); null otherwise. */
export function mountDisk(): Disk | null {
  const base = mkdtempSync(join(tmpdir(), 'sideglance-disk-'));
  const [image, folder] = [join(base, 'image'), join(base, 'disk')];
  writeFileSync(image, '');
  truncateSync(image, IMAGE_BYTES);
  const run = (command: string, ...args: string[]) => spawnSync(command, args, { encoding: 'utf8' });
  const isMounted = [
    run('mkfs.ext4', '-q', image),
    run('mkdir', folder),
    run('mount', '-o', 'loop', image, folder),
  ].every(({ status }) => status === 0);
  if (!isMounted) {
    rmSync(base, { recursive: true, force: true });
    return null;
  }
  const device = basename(run('findmnt', '-n', '-o', 'SOURCE', folder).stdout.trim());
  return {
    folder,
    writtenBytes() {
      run('sync', '-f', folder);
      // Documentation/block/stat.rst: the seventh number is sectors written.
      const numbers = readFileSync(`/sys/block/${device}/stat`, 'utf8').trim().split(/\s+/);
      return Number(numbers[6]) * SECTOR_BYTES;
    },
    close() {
      run('umount', folder);
      rmSync(base, { recursive: true, force: true });
    },
  };
}
