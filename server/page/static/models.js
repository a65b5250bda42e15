// The list of models' versions and one of them with its scores and confusion.
import { byId, el, replace, table } from './dom.js';
import { bytes, count, score, shortName, time } from './format.js';
import { confusionTable, scoresTable } from './scores.js';

export const isTagger = (version) => version.kind === 'MODEL_KIND_TAGGER';
export const versionsOf = (list) => list.models.flatMap((model) => model.versions);

export function showModelList(list, selected) {
  const columns = [{ title: 'Version' }, { title: 'Kind', wide: true }, { title: 'F1', number: true },
    { title: 'Precision', number: true, wide: true }, { title: 'Recall', number: true, wide: true },
    { title: 'Accuracy', number: true }, { title: 'In memory', wide: true }];
  const rows = versionsOf(list).map((version) => ({
    id: `row-${shortName(version.name)}`,
    'aria-current': version.name === selected ? 'true' : null,
    cells: [el('a', { href: `#model=${shortName(version.name)}`, id: `link-${shortName(version.name)}` }, shortName(version.name)),
      isTagger(version) ? 'tagger' : 'base encoder', score(version.scores?.micro.f1), score(version.scores?.micro.precision),
      score(version.scores?.micro.recall), score(version.scores?.accuracy), version.loaded ? 'yes' : 'no'],
  }));
  replace(byId('model-list'), rows.length === 0
    ? el('p', { class: 'quiet' }, 'No models yet. Bring a base encoder with ', el('code', {}, 'fintag models import'), '.')
    : table('Newest first', columns, rows, { class: 'list' }),
  list.nextPageToken ? el('p', { class: 'quiet' }, `The newest ${list.models.length} models; `, el('code', {}, 'fintag models list'), ' has all.') : '');
}

export function showModel(version) {
  const panel = byId('model');
  panel.hidden = !version;
  if (!version) return;
  const facts = [['Parameters', `${(Number(version.architecture.parameters) / 1e6).toFixed(1)} M`], ['Size', bytes(version.sizeBytes)]];
  if (version.scores) {
    facts.push(['F1', score(version.scores.micro.f1)], ['Accuracy', score(version.scores.accuracy)], ['Words scored', count(version.scores.words)]);
  }
  if (version.base) facts.push(['Base', shortName(version.base)]);
  if (version.dataset) facts.push(['Dataset', shortName(version.dataset)]);
  if (version.job) facts.push(['Job', el('a', { href: `#job=${shortName(version.job)}`, id: 'model-job' }, shortName(version.job))]);
  facts.push(['Made', time(version.createTime)]);
  if (version.labels.length) facts.push(['Labels', version.labels.join(', ')]);
  let result = [el('p', { class: 'quiet' }, isTagger(version) ? 'No scores are known: it was not trained here.' : 'A base encoder: train from it, then look at the scores.')];
  if (version.scores) {
    result = [scoresTable('model-scores', version.scores, version.unseen, version.wordLookup),
      confusionTable('model-confusion', version.scores.confusion) ?? el('p', { class: 'quiet' }, 'Confusion was not counted when this version was trained.')];
  }
  replace(panel, el('h3', { id: 'model-title', tabindex: -1 }, `Model ${shortName(version.name)}`),
    el('dl', { class: 'facts' }, facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)))), ...result);
}
