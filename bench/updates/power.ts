/*
 * Preloaded into a process that changes a model store (`node --import`): counts every change of the file system and ends the
 * process, by SIGKILL, at one of them. `SIDEGLANCE_CUT_AT` is its number, from 1; a write is cut off half way. What was
 * not synced by then may be lost as well, as when the power fails: `SIDEGLANCE_LOSES` is `nothing`, `contents`, `names` or `all`.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join, resolve } from 'node:path';

interface Handle {
  readonly fd: number;
  writeFile(data: Uint8Array | string): Promise<void>;
  sync(): Promise<void>;
  stat(): Promise<{ isDirectory(): boolean }>;
}

const cutAt = Number(process.env.SIDEGLANCE_CUT_AT);
const loses = process.env.SIDEGLANCE_LOSES ?? 'nothing';
let count = 0;
/** Files with contents that no sync has brought to the disk, by where they lie. */
const unsynced = new Set<string>();
/** What takes back a change of a name that no sync of its folder has brought to the disk. */
let pending: { readonly folder: string; readonly undo: () => void }[] = [];
const pathOf = new Map<number, string>();

/** @param halfWay what is done of the change when it is cut off there */
function change(halfWay: () => void = () => {}): void {
  count++;
  if (count !== cutAt) return;
  halfWay();
  loseUnsynced();
  process.kill(process.pid, 'SIGKILL');
}

function loseUnsynced(): void {
  if (loses === 'contents' || loses === 'all') {
    for (const file of unsynced) if (fs.existsSync(file)) fs.truncateSync(file, 0);
  }
  if (loses === 'names' || loses === 'all') for (const { undo } of pending.reverse()) undo();
}

const original = { ...fs.promises };

fs.promises.mkdir = (async (path: string, options?: { recursive?: boolean }) => {
  change();
  const made = await original.mkdir(path, options);
  for (
    let folder = made === undefined ? '' : resolve(path);
    folder.length >= (made ?? '').length && made;
    folder = dirname(folder)
  ) {
    const gone = folder;
    pending.push({ folder: dirname(folder), undo: () => fs.rmSync(gone, { recursive: true, force: true }) });
  }
  return made;
}) as typeof fs.promises.mkdir;

fs.promises.open = (async (path: string, flags: string | number = 'r', mode?: number) => {
  const isNew = typeof flags === 'string' && flags.startsWith('w') && !fs.existsSync(path);
  if (isNew) change();
  const handle = await original.open(path, flags, mode);
  pathOf.set(handle.fd, resolve(path));
  if (isNew) pending.push({ folder: dirname(resolve(path)), undo: () => fs.rmSync(path, { force: true }) });
  patch(handle as unknown as Handle);
  return handle;
}) as typeof fs.promises.open;

fs.promises.rename = async (from, to) => {
  change();
  const [source, target] = [resolve(String(from)), resolve(String(to))];
  const before = fs.existsSync(target) && fs.statSync(target).isFile() ? fs.readFileSync(target) : null;
  await original.rename(from, to);
  for (const file of [...unsynced]) {
    if (file !== source && !file.startsWith(`${source}/`)) continue;
    unsynced.delete(file);
    unsynced.add(target + file.slice(source.length));
  }
  pending.push({
    folder: dirname(target),
    undo: () => {
      fs.renameSync(target, source);
      if (before !== null) fs.writeFileSync(target, before);
    },
  });
};

fs.promises.rm = async (path, options) => {
  change(() => {
    // A folder goes name by name: only one of its files is gone.
    const [first] =
      fs.existsSync(String(path)) && fs.statSync(String(path)).isDirectory() ? fs.readdirSync(String(path)) : [];
    if (first !== undefined) fs.rmSync(join(String(path), first), { recursive: true, force: true });
  });
  // A name that was lost and comes back is harmless here, so that nothing takes it back.
  const gone = resolve(String(path));
  pending = pending.filter(({ folder }) => folder !== gone && !folder.startsWith(`${gone}/`));
  return original.rm(path, options);
};

/** Every handle has methods of its own: their prototype is not exported. */
function patch(handle: Handle): void {
  const { writeFile, sync } = handle;
  handle.writeFile = async (data) => {
    change(() => {
      const bytes = Buffer.from(data as string);
      fs.writeSync(handle.fd, bytes.subarray(0, bytes.byteLength >> 1));
    });
    unsynced.add(pathOf.get(handle.fd) ?? '');
    return writeFile.call(handle, data);
  };
  handle.sync = async () => {
    change();
    await sync.call(handle);
    const path = pathOf.get(handle.fd) ?? '';
    unsynced.delete(path);
    pending = pending.filter(({ folder }) => folder !== path);
  };
}

syncBuiltinESMExports();
process.on('exit', () => process.stdout.write(`${count}\n`));
