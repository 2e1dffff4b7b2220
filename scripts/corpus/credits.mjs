// models/CORPUS.md: every picture that was gathered, with its licence and author, as CC BY asks.
import { writeFileSync } from 'node:fs';

const DEEDS = {
  'CC0-1.0': 'https://creativecommons.org/publicdomain/zero/1.0/',
  'CC-BY-2.0': 'https://creativecommons.org/licenses/by/2.0/',
  'CC-BY-3.0': 'https://creativecommons.org/licenses/by/3.0/',
  'CC-BY-3.0-USA': 'https://creativecommons.org/licenses/by/3.0/us/',
  'CC-BY-4.0': 'https://creativecommons.org/licenses/by/4.0/',
};

/** @param {string} file @param {{source: string, kind: string, licence: string, author: string, from: string}[]} images */
export function writeCredits(file, images) {
  const sources = [...groupBy(images, ({ source }) => source)];
  const lines = [
    '# Pictures for distilling a base Local-Net',
    '',
    'Written by `scripts/corpus/gather.mjs`; do not edit. The pictures are not part of this repository. All of them were',
    'scaled to at most 1024 px a side and saved as JPEG; large ones were also cut into quarters.',
    '',
    '| source | pictures | kinds | licences |',
    '|---|---|---|---|',
    ...sources.map(
      ([source, of]) => `| \`${source}\` | ${of.length} | ${names(of, 'kind')} | ${names(of, 'licence')} |`,
    ),
    '',
    'Licences: ' +
      Object.entries(DEEDS)
        .map(([name, url]) => `[${name}](${url})`)
        .join(', ') +
      '.',
  ];
  for (const [source, of] of sources) {
    lines.push('', `## \`${source}\``, '');
    const groups = [...groupBy(of, ({ licence, author }) => `${author} (${licence})`)].sort(([a], [b]) =>
      a < b ? -1 : 1,
    );
    for (const [credit, group] of groups) lines.push(`- ${credit}: ${fileList(source, group)}`);
  }
  writeFileSync(file, `${lines.join('\n')}\n`);
}

function names(images, key) {
  return [...new Set(images.map((image) => image[key]))].sort().join(', ');
}

/** One name a file; for what is rendered or CC0 as a whole package, the count says enough. */
function fileList(source, group) {
  if (!source.startsWith('deb:')) return `${group.length} pictures`;
  return [...new Set(group.map(({ from }) => from.replace(/^usr\/share\//, '')))]
    .map((name) => `\`${name}\``)
    .join(', ');
}

/** Map.groupBy, which Node 20 lacks. */
function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
