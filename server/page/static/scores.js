// Scores by label, and which labels are taken for which others.
import { el, scroller, table } from './dom.js';
import { count, number, score, share } from './format.js';

// Precision, recall and F1: by label, averages, of entities that training never saw, and of the word lookup.
export function scoresTable(id, scores, unseen, lookup) {
  const row = (name, s, attributes = {}) => ({
    ...attributes,
    cells: [name, score(s.precision), score(s.recall), score(s.f1), count(s.support)],
  });
  const rows = scores.labels.map((s) => row(s.label, s));
  rows.push(row('Micro average', scores.micro, { class: 'sum' }), row('Macro average', scores.macro));
  if (unseen) rows.push(row('Unseen in training', unseen));
  if (lookup) rows.push(row('Word lookup alone', lookup.micro));
  const columns = [{ title: 'Label' }, ...['Precision', 'Recall', 'F1', 'Entities'].map((title) => ({ title, number: true }))];
  return scroller(id, 'Scores by label', table('Scores of the validation part', columns, rows, { class: 'scores' }));
}

// "O" stands last: it is no label.
const inOrder = (labels) => [...labels].sort((a, b) => (a === 'O') - (b === 'O') || (a < b ? -1 : 1));
const named = (label) => (label === 'O' ? 'none (O)' : label);

function matrixOf(rows) {
  const labels = new Set();
  const counts = new Map();
  for (const row of rows) {
    labels.add(row.label);
    const cells = new Map(Object.entries(row.predicted).map(([label, words]) => [label, number(words)]));
    counts.set(row.label, cells);
    for (const label of cells.keys()) labels.add(label);
  }
  return { labels: inOrder(labels), at: (gold, predicted) => counts.get(gold)?.get(predicted) ?? 0 };
}

function worst({ labels, at }, sums) {
  const pairs = labels.flatMap((gold) => labels.filter((other) => other !== gold && at(gold, other) > 0)
    .map((other) => ({ gold, other, words: at(gold, other) })));
  return pairs.sort((a, b) => b.words - a.words).slice(0, 3).map(({ gold, other, words }) =>
    `${named(gold)} taken for ${named(other)}: ${count(words)} ${words === 1 ? 'word' : 'words'}, ${share(words / sums.get(gold))}`);
}

// Each cell has its words and their share of the row; the darker, the larger the share. Null where nothing was counted.
export function confusionTable(id, rows) {
  if (!rows || rows.length === 0) return null;
  const matrix = matrixOf(rows);
  const { labels, at } = matrix;
  const sums = new Map(labels.map((gold) => [gold, labels.reduce((sum, other) => sum + at(gold, other), 0)]));
  const cell = (gold, other) => {
    const words = at(gold, other);
    const part = sums.get(gold) > 0 ? words / sums.get(gold) : 0;
    const kind = gold === other ? 'right' : 'wrong';
    return el('td', { class: `${kind} heat${words > 0 ? Math.max(1, Math.ceil(part * 10)) : 0}` },
      count(words), words > 0 ? el('small', {}, share(part)) : null);
  };
  const mistakes = worst(matrix, sums);
  return el('div', { class: 'confusion' },
    scroller(id, 'Confusion between labels', el('table', { class: 'heat' },
      el('caption', {}, 'Confusion between labels: words of each true label by the label predicted for them, and their share of the row'),
      el('thead', {},
        el('tr', {}, el('td', {}), el('th', { scope: 'colgroup', colspan: labels.length }, 'Predicted')),
        el('tr', {}, el('th', { scope: 'col' }, 'True'), labels.map((label) => el('th', { scope: 'col' }, named(label))))),
      el('tbody', {}, labels.map((gold) => el('tr', {}, el('th', { scope: 'row' }, named(gold)), labels.map((other) => cell(gold, other))))))),
    el('p', { class: 'quiet' }, mistakes.length > 0 ? `Most often: ${mistakes.join('; ')}.` : 'No word was taken for another label.'));
}
