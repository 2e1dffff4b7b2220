// What is in the package and under which licence, from the npm packages themselves (Debian's copyright-format 1.0).
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const APACHE = 'On Debian systems, the full text is in /usr/share/common-licenses/Apache-2.0.';
const LICENCE_FILE = /^(licen[cs]e|copying)/i;

/** @param {string} home the staged program, with node_modules and node @returns {string} */
export function copyrightFile(home) {
  const modules = join(home, 'node_modules');
  const entries = packagesIn(modules).map(({ folder, name, version, licence, text }) =>
    stanza(`usr/lib/sideglance/node_modules/${folder}/*`, `${name} ${version}`, licence, text),
  );
  const stanzas = [
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: sideglance',
    stanza('*', 'the authors of sideglance', 'Apache-2.0', `${APACHE}\n${readFileSync(join(home, 'NOTICE'), 'utf8')}`),
    ...entries,
    stanza(
      'usr/lib/sideglance/node/*',
      'the authors of Node.js',
      'Node.js',
      readFileSync(join(home, 'node', 'LICENSE'), 'utf8'),
    ),
  ];
  return `${stanzas.join('\n\n')}\n`;
}

function packagesIn(modules, prefix = '') {
  return readdirSync(join(modules, prefix))
    .sort()
    .flatMap((name) => {
      const folder = join(prefix, name);
      if (prefix === '' && name.startsWith('@')) return packagesIn(modules, name);
      const manifest = join(modules, folder, 'package.json');
      if (!existsSync(manifest)) return [];
      const { name: title, version, license } = JSON.parse(readFileSync(manifest, 'utf8'));
      const file = readdirSync(join(modules, folder)).find((one) => LICENCE_FILE.test(one));
      const text =
        file === undefined
          ? 'No text of the licence comes with it.'
          : readFileSync(join(modules, folder, file), 'utf8');
      const isApache = /Apache License\s+Version 2\.0, January 2004/.test(text);
      const licence = typeof license === 'string' ? license.replace(/[()]/g, '') : 'unknown';
      return [{ folder, name: title, version, licence, text: isApache ? APACHE : text }];
    });
}

function stanza(files, holder, licence, text) {
  const body = text
    .trim()
    .split('\n')
    .map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`));
  return `Files: ${files}\nCopyright: ${holder}\nLicense: ${licence}\n${body.join('\n')}`;
}
