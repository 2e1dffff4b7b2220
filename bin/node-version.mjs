// Even Node 14 must be able to read this file: it is what tells that Node is too old.

export const OLDEST_NODE = '20.9.0';

/**
 * One line that says that this Node is too old and how to get a newer one; null when it is new enough.
 * `version` is `process.versions.node`.
 */
export function nodeTooOld(version) {
  const found = version.split('.').map(Number);
  const wanted = OLDEST_NODE.split('.').map(Number);
  for (let i = 0; i < 3; i++) {
    if (found[i] > wanted[i]) return null;
    if (found[i] < wanted[i]) {
      return (
        'sideglance needs Node.js ' +
        OLDEST_NODE +
        ' or newer, this is ' +
        version +
        '. Get one with `nvm install 22` (https://github.com/nvm-sh/nvm) or from https://nodejs.org/en/download.'
      );
    }
  }
  return null;
}

/** Ends the process with that line when Node is too old. */
export function requireNode() {
  const message = nodeTooOld(process.versions.node);
  if (message === null) return;
  console.error(message);
  process.exit(1);
}
