import { DEFECT_KINDS, KIND_MEANINGS } from '../../kinds.js';
import { OUTCOME_WORDS } from './figures.js';
import { html, type Markup } from './markup.js';
import { type Outcome, outcomeOf, type ReportImage } from './report.js';

/** Choices for the gallery. Hidden until {@link FILTER_SCRIPT} runs: without it they would do nothing. */
export function filterForm(images: readonly ReportImage[]): Markup {
  const outcomes = (Object.keys(OUTCOME_WORDS) as Outcome[]).filter((outcome) =>
    images.some((image) => outcomeOf(image) === outcome),
  );
  const defects = [...new Set(images.map(({ defect }) => defect))];
  return html`<form id="filter" hidden="hidden">
${choice(
  'outcome',
  'Outcome',
  outcomes.map((outcome) => [outcome, OUTCOME_WORDS[outcome]] as const),
)}
${choice(
  'defect',
  'Defect',
  defects.map((defect) => [defect, defect] as const),
)}
${choice(
  'evidence',
  'Alarm raised by',
  DEFECT_KINDS.map((kind) => [kind, `${kind}: ${KIND_MEANINGS[kind]}`] as const),
)}
<output aria-live="polite"></output>
</form>`;
}

function choice(name: string, label: string, options: readonly (readonly [value: string, text: string])[]): Markup {
  return html`<label>${label} <select name="${name}"><option value="">all</option>${options.map(
    ([value, text]) => html`<option value="${value}">${text}</option>`,
  )}</select></label>`;
}

/** Shows the cards that fit every choice. */
export const FILTER_SCRIPT = `
const form = document.getElementById('filter');
const cards = [...document.querySelectorAll('.card')];
const choices = [...form.querySelectorAll('select')];
const show = () => {
  let shown = 0;
  for (const card of cards) {
    const fits = choices.every(({ name, value }) => value === '' || card.dataset[name] === value);
    card.hidden = !fits;
    if (fits) shown++;
  }
  form.querySelector('output').textContent = shown + ' of ' + cards.length + ' images';
};
form.addEventListener('change', show);
form.hidden = false;
show();
`;
