// Which files of a package may be used. Debian's `copyright` files (machine-readable format 1.0) name the licence of
// every file; nothing is taken from a package that does not say.

/** @typedef {{patterns: RegExp[], licence: string, authors: string}} Stanza */

/**
 * The `Files:` stanzas of a Debian copyright file, in order.
 * @param {string} text
 * @returns {Stanza[]}
 */
export function parseCopyright(text) {
  const stanzas = text.split(/\n[ \t]*\n/).map(fieldsOf);
  return stanzas
    .filter(({ files, license }) => files !== undefined && license !== undefined)
    .map(({ files, license, copyright }) => ({
      patterns: files.split(/\s+/).filter(Boolean).map(globToRegExp),
      licence: license.split('\n')[0].trim(),
      authors: authorsOf(copyright ?? ''),
    }));
}

/**
 * The stanza that holds for a file: "the last paragraph that matches" (format 1.0, section "Files paragraph").
 * @param {Stanza[]} stanzas
 * @param {string} path as the source package names it
 */
export function stanzaOf(stanzas, path) {
  return stanzas.findLast(({ patterns }) => patterns.some((pattern) => pattern.test(path))) ?? null;
}

/**
 * The licence to use a file under, or null when it may not be used: only CC0 and CC BY. Of alternatives ("or") one is
 * enough; of licences that hold together ("and") every one must be allowed.
 * @param {string} expression such as `CC-BY-SA-3.0 or CC-BY-3.0`
 * @returns {string | null} such as `CC-BY-3.0`
 */
export function allowedLicence(expression) {
  for (const alternative of expression.split(/\s+or\s+/i)) {
    const parts = alternative.split(/\s+and\s+/i).map((part) => part.trim());
    if (parts.every((part) => /^(CC0(-1\.0)?|CC-BY-[1-4]\.0(-USA)?)$/.test(part))) {
      return parts.map((part) => (part === 'CC0' ? 'CC0-1.0' : part)).join(' and ');
    }
  }
  return null;
}

function fieldsOf(stanza) {
  const fields = {};
  let name = null;
  for (const line of stanza.split('\n')) {
    const field = /^([A-Za-z-]+):(.*)$/.exec(line);
    if (field) {
      name = field[1].toLowerCase();
      fields[name] = field[2].trim();
    } else if (name !== null) fields[name] += `\n${line.trim()}`;
  }
  return fields;
}

/** `*` and `?` match any character, `/` too; everything else stands for itself. A leading `./` says nothing. */
function globToRegExp(glob) {
  const source = glob
    .replace(/^\.\//, '')
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`);
}

/** The names in a `Copyright:` field, without years and addresses; some packages write ???? for what is not known. */
function authorsOf(copyright) {
  const names = copyright.split('\n').map((line) =>
    line
      .replace(/<[^>]*>/g, '')
      .replace(/^(Published |Public Domain |Copyright |©|[\d\s,.?–-]|by )+/i, '')
      .trim(),
  );
  return [...new Set(names.filter(Boolean))].join('; ') || 'author not named';
}
