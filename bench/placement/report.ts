import type { machine } from '../support/daemon.js';
import type { PlacementFigures } from './measure.js';
import type { PlacementOptions } from './options.js';

/** Parts anywhere have to reach this share of the image AUROC that parts in a fixture do. */
export const GOAL = 0.97;

/** Null where one of them is, or there is nothing to be a share of. */
export function ratioOf(figure: number | null, reference: number | null): number | null {
  return figure === null || reference === null || reference === 0 ? null : figure / reference;
}

/** The table as Markdown: a row for each case, and what parts anywhere reach of what parts in a fixture do. */
export function placementTable(
  options: PlacementOptions,
  figures: Readonly<Record<string, PlacementFigures>>,
  { cpu, cores, node }: ReturnType<typeof machine>,
): string {
  const { minutes, steps, good, testGood, defective, pixels, size, seed } = options;
  const budget = steps === undefined ? `--minutes ${minutes}` : `--steps ${steps}`;
  const { aligned, anywhere } = figures;
  const ratio = (read: (one: PlacementFigures) => number | null) =>
    text(aligned && anywhere ? ratioOf(read(anywhere), read(aligned)) : null);
  const rows = Object.entries(figures).map(([name, one]) => {
    const { told, search, agreement, verdicts, steps: taken, seconds, msPerImage } = one;
    const decided = search ?? 'as it lies';
    const why = agreement ? `${decided} (${agreement.asSeen.toFixed(2)}, ${agreement.located.toFixed(2)})` : decided;
    const wrong = verdicts ? `${verdicts.falseRejects}, ${verdicts.misses}, ${verdicts.invalid}` : '–';
    const [image, pixel, region, strict] = [one.imageAuroc, one.pixelAuroc, one.aupro, one.aupro05].map(text);
    const times = `${taken} in ${seconds.toFixed(0)} s | ${msPerImage.toFixed(0)}`;
    return `| ${name} | ${told} | ${why} | ${image} | ${pixel} | ${region} | ${strict} | ${wrong} | ${times} |`;
  });
  return `# Placement: parts in a fixture, parts anywhere

Written by \`node dist/bench/placement.js ${budget} --good ${good} --test-good ${testGood} --defective ${defective}
--pixels ${pixels} --size ${size} --seed ${seed}\`, on the simulated line: ${good} good parts to train from, ${testGood} good and ${defective} defective
ones to test with. Times: ${cpu}, ${cores} cores, Node ${node}.

Looks for the part: everywhere, nearby or not at all, with how well images agree with their mean as they are, and with each part
found first.

| parts | \`--placement\` | looks for the part | image AUROC | pixel AUROC | AUPRO@30 % | AUPRO@5 % | false rejects, misses, invalid | steps | ms an image |
|---|---|---|---:|---:|---:|---:|---|---|---:|
${rows.join('\n')}

Anywhere / aligned: image AUROC **${ratio(({ imageAuroc }) => imageAuroc)}** (goal: at least ${GOAL}), AUPRO@30 % ${ratio(({ aupro }) => aupro)}, AUPRO@5 % ${ratio(({ aupro05 }) => aupro05)}.
`;
}

function text(value: number | null): string {
  return value?.toFixed(4) ?? '–';
}
