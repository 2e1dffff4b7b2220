import { readdirSync, readFileSync } from 'node:fs';

/** Process ids of the children of a process that are alive. */
export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const stat = statOf(pid);
      return stat !== null && stat.state !== 'Z' && stat.parent === parent;
    });
}

/** Whether there is such a process; one that has ended and waits for its parent to ask (a zombie) is none. */
export function isAlive(pid: number): boolean {
  const stat = statOf(pid);
  return stat !== null && stat.state !== 'Z';
}

/** From proc(5): the name of the program stands in parentheses and may itself contain some. */
function statOf(pid: number): { readonly state: string; readonly parent: number } | null {
  try {
    const [state = '', parent] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
    return { state, parent: Number(parent) };
  } catch {
    return null;
  }
}
