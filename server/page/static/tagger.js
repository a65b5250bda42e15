// The box to type a text: its entities highlighted, with scores.
import * as api from './api.js';
import { byId, el, replace, scroller, table } from './dom.js';
import { count, shortName } from './format.js';
import { isTagger } from './models.js';

const COLOURS = 8;
const entityScore = (entity) => Number(entity.score).toFixed(3);

// The text in pieces: entities and what stands between. Offsets count Unicode code points.
function highlighted(text, entities, colourOf) {
  const points = [...text];
  const pieces = [];
  let place = 0;
  for (const entity of entities) {
    pieces.push(points.slice(place, entity.start).join(''));
    pieces.push(el('mark', { class: `c${colourOf(entity.label)}`, title: `${entity.label} ${entityScore(entity)}, ${entity.start}-${entity.end}` },
      points.slice(entity.start, entity.end).join(''), el('small', {}, `${entity.label} ${Number(entity.score).toFixed(2)}`)));
    place = entity.end;
  }
  pieces.push(points.slice(place).join(''));
  return el('p', { class: 'tagged' }, pieces);
}

function showResult(text, entities) {
  const colours = new Map();  // in order of appearance, as `fintag tag --format html` has them
  const colourOf = (label) => {
    if (!colours.has(label)) colours.set(label, colours.size % COLOURS);
    return colours.get(label);
  };
  const body = highlighted(text, entities, colourOf);
  const legend = el('ul', { class: 'legend', 'aria-label': 'Entities by label' }, [...colours].map(([label, colour]) =>
    el('li', {}, el('mark', { class: `c${colour}` }, label), ` ${entities.filter((e) => e.label === label).length}`)));
  const rows = entities.map((e) => [e.text, e.label, `${e.start}–${e.end}`, entityScore(e)]);
  replace(byId('tag-result'), legend, body, rows.length === 0 ? '' : scroller('tag-rows', 'Entities, table',
    table('Entities in the order of the text', [{ title: 'Entity' }, { title: 'Label' }, { title: 'Offsets', number: true, wide: true },
      { title: 'Score', number: true }], rows)));
}

function say(text, isError = false) {
  byId('tag-status').textContent = text;
  byId('tag-status').classList.toggle('error', isError);
}

async function send(event) {
  event?.preventDefault();
  const [text, model, button] = [byId('tag-text').value, byId('tag-model').value, byId('tag-button')];
  if (button.disabled || button.hasAttribute('aria-disabled')) return;
  if (!text.trim()) {
    say('Type a text first.', true);
    byId('tag-text').focus();
    return;
  }
  button.setAttribute('aria-disabled', 'true');  // `disabled` would take the focus from it
  say('Tagging…');
  const start = performance.now();
  try {
    const answer = await api.tag(model, text);
    const { entities } = answer.results[0];
    showResult(text, entities);
    say(`${count(entities.length)} ${entities.length === 1 ? 'entity' : 'entities'} by ${shortName(answer.modelVersion)} in ${Math.round(performance.now() - start)} ms`);
  } catch (error) {
    replace(byId('tag-result'));
    say(`${error.code}: ${error.message}`, true);
  } finally {
    button.removeAttribute('aria-disabled');
  }
}

// Offers the models that can tag: each model's newest version, under the model's name.
export function offerModels(list) {
  const select = byId('tag-model');
  const names = list.models.filter((model) => model.versions.some(isTagger)).map((model) => model.name);
  if (names.join() === [...select.options].map((o) => o.value).filter(Boolean).join() && select.options.length > 0) return;
  const chosen = select.value;
  select.replaceChildren(...(names.length ? names.map((name) => el('option', { value: name }, shortName(name)))
    : [el('option', { value: '' }, 'no model can tag yet')]));
  if (names.includes(chosen)) select.value = chosen;
  select.disabled = names.length === 0;
  byId('tag-button').disabled = names.length === 0;
}

export function startTagger() {
  byId('tag-form').addEventListener('submit', send);
  byId('tag-text').addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) send(event);
  });
}
