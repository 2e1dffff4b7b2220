// The packages that the corpus is gathered from, pinned by name and version, and how their files are named in the
// licence that each package states. A package that says nothing about a file contributes nothing from it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { allowedLicence, parseCopyright, stanzaOf } from './licences.mjs';
import { readZip } from './zip.mjs';

/**
 * @typedef {object} Found
 * @property {string} source `deb:name=version` or `npm:name@version`
 * @property {string} path inside the package
 * @property {string} kind what the picture mostly shows
 * @property {string} licence
 * @property {string} author
 * @property {() => Buffer} read
 */

/**
 * `rename` turns the path of an installed file (or of a file in an archive, `archive!file`) into the name that
 * debian/copyright uses; null: not looked at. `credit` finds the author where an archive knows better.
 */
const DEBIAN = [
  {
    name: 'supertuxkart-data',
    version: '1.4+dfsg-2',
    kind: 'game texture',
    rename: (path) => /^usr\/share\/games\/supertuxkart\/(data\/(?!gui\/icons).*)$/.exec(path)?.[1] ?? null,
  },
  {
    name: 'sweethome3d-furniture',
    version: '1.8-1',
    kind: 'material',
    rename: (path) => {
      // pictures of the models themselves lie one folder higher than their textures; Reallusion's models are people
      const found = /furniture\/((?!Reallusion)[^/]+)\.sh3f!([^/]+\/[^/]+\/.*)$/.exec(path);
      return found === null ? null : `${found[1]}/${found[2]}`;
    },
    archives: /\.sh3f$/,
    credit: sweetHomeCreator,
  },
  {
    name: 'ufoai-textures',
    version: '2.5-2',
    kind: 'game texture',
    rename: (path) => /0textures\.pk3!(textures\/.*)$/.exec(path)?.[1]?.replace(/^/, 'base/') ?? null,
    archives: /\.pk3$/,
  },
  {
    name: 'lomiri-wallpapers-16.04',
    version: '20.04.0-2',
    kind: 'photograph',
    rename: (path) => /^usr\/share\/backgrounds\/(.*)$/.exec(path)?.[1]?.replace(/^/, '16.04/') ?? null,
  },
  {
    name: 'mypaint-data-extras',
    version: '2.0.1-9',
    kind: 'paper',
    rename: (path) => /^usr\/share\/mypaint\/(.*)$/.exec(path)?.[1] ?? null,
  },
  {
    name: 'plasma-workspace-data',
    version: '4:5.27.5-2+deb12u2',
    kind: 'photograph',
    rename: (path) =>
      /^usr\/share\/plasma\/(avatars\/photos\/.*)$/.exec(path)?.[1]?.replace(/^/, 'kcms/users/') ?? null,
  },
];

/** scikit-image says in the documentation of each picture (skimage/data/_fetchers.py) whose it is: these are CC0. */
const SCIKIT_IMAGE = {
  name: 'python3-skimage',
  version: '0.19.3-8',
  folder: 'usr/lib/python3/dist-packages/skimage/data/',
  authors: {
    'brick.png': 'CC0Textures (Bricks25)',
    'grass.png': 'linolafett, DeviantArt',
    'gravel.png': 'CC0Textures (Gravel04)',
    'camera.png': 'Lav Varshney',
    'chelsea.png': 'Stefan van der Walt',
    'coffee.png': 'Rachel Michetti',
  },
};

const PMNDRS = { name: '@pmndrs/assets', version: '1.7.0' };
const IMAGE = /\.(png|jpe?g|webp)$/i;
/** Normal, gloss and mask maps are no pictures of anything; nor are icons and shadows. */
const NO_PICTURE =
  /([-_]nm|_nrm|_normal|normal|_sm|_rm|_gm|gloss|_spec|specular|_mask|_opacity|shadow|screenshot|minimap|icon|_preview|euros)[^/]*$/i;

/**
 * Everything that may be used, package by package.
 * @param {string} cache folder for downloads
 * @returns {Generator<Found>}
 */
export function* findPictures(cache) {
  for (const source of DEBIAN) {
    const folder = unpackDebian(cache, source);
    const copyright = readFileSync(join(folder, 'usr/share/doc', source.name, 'copyright'), 'utf8');
    yield* fromDebian(folder, source, parseCopyright(copyright));
  }
  yield* fromScikitImage(unpackDebian(cache, SCIKIT_IMAGE));
}

function* fromDebian(folder, source, stanzas) {
  for (const [path, read, archive] of filesOf(folder, source.archives)) {
    if (!IMAGE.test(path) || NO_PICTURE.test(path)) continue;
    const name = source.rename(path);
    const stanza = name === null ? null : stanzaOf(stanzas, name);
    const licence = stanza === null ? null : allowedLicence(stanza.licence);
    if (licence === null) continue;
    const author = source.credit?.(archive, path) ?? stanza.authors;
    yield { source: `deb:${source.name}=${source.version}`, path, kind: source.kind, licence, author, read };
  }
}

function* fromScikitImage(folder) {
  for (const [file, author] of Object.entries(SCIKIT_IMAGE.authors)) {
    const path = SCIKIT_IMAGE.folder + file;
    const source = `deb:${SCIKIT_IMAGE.name}=${SCIKIT_IMAGE.version}`;
    const read = () => readFileSync(join(folder, path));
    yield { source, path, kind: 'photograph', licence: 'CC0-1.0', author, read };
  }
}

/**
 * What `@pmndrs/assets` (CC0 as a whole) holds of one kind.
 * @param {string} cache
 * @param {'matcaps' | 'normals' | 'hdri'} kind
 * @returns {{source: string, path: string, licence: string, author: string, read: () => Buffer}[]} by name
 */
export function pmndrs(cache, kind) {
  const spec = `${PMNDRS.name}@${PMNDRS.version}`;
  const folder = join(cache, `pmndrs-assets-${PMNDRS.version}`);
  if (!existsSync(folder)) {
    run('npm', ['pack', '--silent', '--pack-destination', cache, spec]);
    mkdirSync(folder);
    run('tar', ['-xzf', join(cache, `pmndrs-assets-${PMNDRS.version}.tgz`), '-C', folder]);
  }
  const names = readdirSync(join(folder, 'package', kind)).filter((name) => name.endsWith('.js'));
  return names.sort().map((name) => ({
    source: `npm:${spec}`,
    path: `${kind}/${name}`,
    licence: 'CC0-1.0',
    author: 'pmndrs contributors and their sources (Poly Haven and others)',
    // a module whose only line exports the picture as a data URL
    read: () =>
      Buffer.from(/base64,([^"'`]+)/.exec(readFileSync(join(folder, 'package', kind, name), 'utf8'))[1], 'base64'),
  }));
}

function unpackDebian(cache, { name, version }) {
  const folder = join(cache, `${name}_${version.replace(/^\d+:/, '')}`);
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true });
    run('apt-get', ['download', '-q', `${name}=${version}`], { cwd: cache });
    const archive = readdirSync(cache).find((file) => file.startsWith(`${name}_`) && file.endsWith('.deb'));
    run('dpkg-deb', ['-x', join(cache, archive), folder]);
  }
  return folder;
}

/** Path, reader and, for files in archives, the files of the archive. */
function* filesOf(folder, archives = /$^/) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath ?? entry.path, entry.name)).sort();
  for (const path of paths) {
    const name = relative(folder, path);
    if (!archives.test(name)) yield [name, () => readFileSync(path), null];
    else {
      const files = readZip(readFileSync(path));
      for (const [inner, read] of files) yield [`${name}!${inner}`, read, files];
    }
  }
}

const catalogues = new WeakMap();

/** The creator whom the furniture catalogue names for the model in whose folder a texture lies. */
function sweetHomeCreator(files, path) {
  if (!catalogues.has(files)) {
    const lines = files.get('PluginFurnitureCatalog.properties')().toString('latin1');
    const creators = new Map(
      [...lines.matchAll(/^creator#(\d+)=(.*)$/gm)].map(([, number, name]) => [number, name.trim()]),
    );
    const folders = [...lines.matchAll(/^model#(\d+)=\/(.*)\/[^/]*$/gm)].map(([, number, name]) => [
      name,
      creators.get(number),
    ]);
    catalogues.set(files, new Map(folders));
  }
  const folder = path.slice(path.indexOf('!') + 1, path.lastIndexOf('/'));
  return catalogues.get(files).get(folder) ?? null;
}

function run(command, args, options = {}) {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options });
}
