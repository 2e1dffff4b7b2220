/** The page's looks: light or dark as the reader's system is, and light on paper. Text has a contrast of 4.5 or more. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f6f7; --card: #ffffff; --text: #1b2126; --quiet: #56616b; --line: #d3d9de;
  --good: #2d74b5; --defective: #b3610f; --wrong: #c22525; --pass: #1f7a45; --curve: #1f5f9c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14181c; --card: #1d2328; --text: #eceff1; --quiet: #a7b1ba; --line: #39424a;
    --good: #5fa8ea; --defective: #e69a45; --wrong: #ff7d74; --pass: #5cc98a; --curve: #7db9f0;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 1400px; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif;
  font-variant-numeric: tabular-nums;
}
h1 { margin: 0 0 0.25rem; font-size: 1.9rem; line-height: 1.2; }
h2 { margin: 2.5rem 0 0.75rem; font-size: 1.35rem; }
h3 { margin: 0 0 0.5rem; font-size: 1.05rem; }
h4 { margin: 0; font-size: 0.95rem; overflow-wrap: anywhere; }
p { margin: 0.25rem 0; }
.quiet { color: var(--quiet); }
.wrong { color: var(--wrong); }
.lead { font-size: 1.1rem; }
.panel, .tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.panel { padding: 1rem 1.25rem; }
.tiles { display: grid; grid-template-columns: repeat(6, 1fr); gap: 0.75rem; margin-bottom: 0.75rem; }
.tile { padding: 0.9rem 1rem; }
.tile h3 { margin: 0; font-size: 0.95rem; font-weight: 600; color: var(--quiet); }
.tile .value { margin: 0.1rem 0; font-size: 2rem; line-height: 1.2; font-weight: 650; }
.tile.wrong { color: inherit; }
.tile.wrong .value { color: var(--wrong); }
.tile small { font-size: 1rem; font-weight: 400; color: var(--quiet); }
.tile .interval { font-weight: 600; }
.tile .quiet { font-size: 0.88rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.3rem 1.25rem; margin: 0; }
dt { color: var(--quiet); }
dd { margin: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--line); }
th, td { padding: 0.4rem 0.8rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
thead th { font-size: 0.88rem; color: var(--quiet); font-weight: 600; vertical-align: bottom; }
th[scope='colgroup'] { text-align: center; border-bottom: 0; }
th:first-child, th[scope='row'] { text-align: left; }
thead tr:nth-child(2) th { text-align: right; }
tfoot th, tfoot td { font-weight: 650; border-top: 2px solid var(--line); border-bottom: 0; }
td.wrong { font-weight: 650; }
.charts { display: grid; grid-template-columns: 1fr 1fr; gap: 0.75rem; }
.charts .panel.full { grid-column: 1 / -1; }
.chart { display: block; width: 100%; height: auto; font-size: 13px; }
.chart text { fill: var(--text); }
.chart .axis path { stroke: var(--quiet); fill: none; }
.chart .axis .grid { stroke: var(--line); }
.chart .axis text { fill: var(--quiet); }
.chart .axis .title, .chart .side { fill: var(--text); font-weight: 600; }
.chart .middle { stroke: var(--quiet); }
.chart .good rect { fill: var(--good); }
.chart .defective rect { fill: var(--defective); }
.chart rect.wrong { fill: var(--wrong); stroke: var(--text); stroke-width: 1.2; }
.chart .threshold { stroke: var(--text); stroke-width: 2; stroke-dasharray: 6 4; fill: none; }
.chart .threshold-label { font-weight: 600; }
.chart .curve { fill: none; stroke: var(--curve); stroke-width: 2.5; stroke-linejoin: round; }
.chart .fill { fill: var(--curve); opacity: 0.16; }
.chart .chance, .chart .limit { stroke: var(--quiet); stroke-dasharray: 4 4; fill: none; }
.chart .operating { fill: var(--card); stroke: var(--wrong); stroke-width: 3; }
.chart .strong { font-weight: 650; }
.legend, form { display: flex; flex-wrap: wrap; gap: 0.5rem 1.75rem; align-items: center; margin: 0.75rem 0; }
.legend { color: var(--quiet); font-size: 0.92rem; }
.legend .heat { width: 12rem; height: 0.9rem; vertical-align: -0.1rem; margin-right: 0.6rem; border: 1px solid var(--line); }
.legend .heat path { stroke: #fff; stroke-width: 2; }
.kind { white-space: nowrap; }
.swatch { display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.4em; border: 1px solid #000a; border-radius: 2px; }
.swatch.truth { background: #ffe32e; }
form[hidden], .card[hidden] { display: none; }
select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--quiet); border-radius: 4px; padding: 0.15rem 0.4rem; }
.cards h3 { margin-top: 1.25rem; }
.count { color: var(--quiet); font-weight: 400; margin-left: 0.25rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(24rem, 100%), 1fr)); gap: 0.75rem; }
.card { padding: 0.75rem; content-visibility: auto; contain-intrinsic-size: auto 22rem; }
.card[data-outcome='missed'], .card[data-outcome='false alarm'] { border-color: var(--wrong); }
.card header { display: flex; justify-content: space-between; align-items: baseline; gap: 0.75rem; margin-bottom: 0.5rem; }
.verdict { padding: 0 0.5rem; border-radius: 4px; font-size: 0.82rem; font-weight: 700; text-transform: uppercase; color: #fff; }
.verdict.pass { background: #1f7a45; }
.verdict.fail { background: #c22f2f; }
.verdict.invalid { background: #8a5a00; }
.pictures { display: grid; grid-template-columns: 1fr 1fr; gap: 0.4rem; margin-bottom: 0.4rem; align-items: start; }
.picture { position: relative; line-height: 0; }
.picture img { width: 100%; height: auto; border-radius: 3px; }
.picture svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.picture path, .picture rect { fill: none; stroke-width: 1.6; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.picture .halo { stroke: #000; stroke-opacity: 0.6; stroke-width: 3.6; }
.picture .truth { stroke: #ffe32e; }
.picture .dashed { stroke-dasharray: 5 3; }
.picture text { fill: #fff; stroke: #000; paint-order: stroke; font-weight: 700; }
.facts { font-size: 0.92rem; margin: 0.15rem 0; }
.facts .right { color: var(--pass); }
.card ol { margin: 0.15rem 0 0; padding-left: 1.4rem; font-size: 0.88rem; }
.card ol .more { list-style: none; }
@media (max-width: 72rem) { .tiles { grid-template-columns: repeat(3, 1fr); } }
@media (max-width: 36rem) { .tiles { grid-template-columns: 1fr 1fr; } }
@media (max-width: 50rem) { .charts { grid-template-columns: 1fr; } }
footer { margin-top: 3rem; font-size: 0.88rem; color: var(--quiet); }
@media print {
  :root {
    color-scheme: light;
    --ground: #fff; --card: #fff; --text: #000; --quiet: #444; --line: #bbb;
    --good: #2d74b5; --defective: #b3610f; --wrong: #c22525; --pass: #1f7a45; --curve: #1f5f9c;
  }
  @page { margin: 12mm; }
  html { font-size: 9px; }
  body { padding: 0; max-width: none; font-size: 1.15rem; }
  form { display: none; }
  .card, .panel, .tile, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .card { content-visibility: visible; }
  .grid { grid-template-columns: repeat(3, 1fr); }
  .tiles { grid-template-columns: repeat(6, 1fr); }
  .charts { grid-template-columns: 1fr 1fr; }
  .wide { overflow: visible; }
  th, td { padding: 0.3rem 0.5rem; }
  .verdict, .swatch, .picture, .chart, .heat { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
