// The list of jobs and one of them with its curves.
import * as api from './api.js';
import { lineChart } from './chart.js';
import { byId, el, replace, table } from './dom.js';
import { count, duration, loss, number, score, seconds, shortName, time } from './format.js';
import { confusionTable, scoresTable } from './scores.js';

const SYMBOLS = { QUEUED: '◌', VALIDATING: '◔', RUNNING: '▶', PAUSING: '‖', PAUSED: '‖', CANCELLING: '■', CANCELLED: '■', SUCCEEDED: '✓', FAILED: '✗' };

const idOf = (job) => job.name.replace('jobs/', '');
const stateOf = (job) => job.state.replace('JOB_STATE_', '');
export const isActive = (job) => ['VALIDATING', 'RUNNING', 'PAUSING', 'CANCELLING', 'QUEUED'].includes(stateOf(job));

const badge = (job) => el('span', { class: `state ${stateOf(job).toLowerCase()}` },
  el('span', { 'aria-hidden': 'true' }, SYMBOLS[stateOf(job)] ?? '?'), ` ${stateOf(job).toLowerCase()}`);

const bestF1 = (job) => (job.epochs.length ? Math.max(...job.epochs.map((e) => e.scores.micro.f1)) : null);

function epochText(job) {
  const total = job.spec.options.epochs;
  const done = job.epochs.length ? job.epochs[job.epochs.length - 1].epoch : 0;
  const now = isActive(job) && job.progress ? Math.max(job.progress.epoch, done) : done;
  return `${now} of ${total}`;
}

export function showJobList(list, selected) {
  const columns = [{ title: 'Job' }, { title: 'State' }, { title: 'Model', wide: true }, { title: 'Epoch', number: true, wide: true },
    { title: 'Loss', number: true, wide: true }, { title: 'Best F1', number: true }];
  const rows = list.jobs.map((job) => ({
    id: `row-${idOf(job)}`,
    'aria-current': idOf(job) === selected ? 'true' : null,
    cells: [el('a', { href: `#job=${idOf(job)}`, id: `link-${idOf(job)}` }, idOf(job)), badge(job), shortName(job.spec.model),
      epochText(job), job.progress ? loss(job.progress.loss) : '–', score(bestF1(job))],
  }));
  replace(byId('job-list'), rows.length === 0
    ? el('p', { class: 'quiet' }, 'No jobs yet. Start one with ', el('code', {}, 'fintag jobs submit'), '.')
    : table('Newest first', columns, rows, { class: 'list' }),
  list.nextPageToken ? el('p', { class: 'quiet' }, `The newest ${rows.length} jobs; `, el('code', {}, 'fintag jobs list'), ' has all.') : '');
}

// Everything known of one job: its message, and its progress events as they came.
export class JobView {
  constructor(id) {
    this.id = id;
    this.job = null;
    this.points = [];  // [step, loss]
    this.after = 0;
  }

  // True if there was anything new.
  async refresh() {
    const job = await api.job(this.id);
    const news = await api.progress(this.id, this.after);
    for (const event of news.events) {
      this.after = number(event.sequence);
      const step = number(event.progress.step);
      // A trainer that was started again repeats the steps since its last epoch.
      while (this.points.length > 0 && this.points.at(-1)[0] >= step) this.points.pop();
      this.points.push([step, number(event.progress.loss)]);
    }
    const changed = JSON.stringify(job) !== JSON.stringify(this.job) || news.events.length > 0;
    this.job = job;
    return changed;
  }

  show() {
    const panel = byId('job');
    panel.hidden = false;
    const { job } = this;
    const width = chartWidth(panel);
    const best = job.epochs.filter((e) => e.best).pop();
    replace(panel,
      el('h3', { id: 'job-title', tabindex: -1 }, `Job ${this.id} `, badge(job)),
      facts(job), progressBar(job),
      job.failureReason ? el('pre', { class: 'reason' }, job.failureReason) : '',
      el('div', { class: 'charts' }, lossChart(job, this.points, width), scoreChart(job, width)),
      best ? el('h4', {}, `Best epoch: ${best.epoch}`) : '',
      best ? scoresTable('job-scores', best.scores, best.unseen, null) : '',
      (best && confusionTable('job-confusion', best.scores.confusion)) || '');
  }
}

// What figures.css gives a chart: half of the panel where two of 18rem fit. In units of 1/16 rem, so that the writing in
// it grows with the page's.
function chartWidth(panel) {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const inner = panel.clientWidth / rem - 2;
  return 16 * Math.max(16, inner >= 37.5 ? (inner - 1.2) / 2 : inner);
}

function facts(job) {
  const { progress } = job;
  const running = isActive(job) && progress;
  const list = [['Model', job.modelVersion ? shortName(job.modelVersion) : shortName(job.spec.model)], ['Base', shortName(job.spec.base)],
    ['Dataset', shortName(job.spec.dataset)], ['Epoch', epochText(job)]];
  if (progress) list.push(['Step', `${count(progress.step)} of ${count(progress.totalSteps)}`], ['Loss', loss(progress.loss)]);
  if (running) list.push(['Speed', `${count(Math.round(progress.tokensPerSecond))} tokens/s`], ['Time left', duration(progress.secondsLeft)]);
  list.push(['Best F1', score(bestF1(job))], [job.startTime ? 'Started' : 'Created', time(job.startTime ?? job.createTime)]);
  if (job.startTime && job.endTime) list.push(['Took', duration(seconds(job.startTime, job.endTime))]);
  return el('dl', { class: 'facts' }, list.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));
}

function progressBar(job) {
  if (!isActive(job)) return '';
  const value = job.progress ? number(job.progress.step) : 0;
  return el('progress', { 'aria-label': 'Steps of the training', max: Math.max(1, number(job.progress?.totalSteps)), value });
}

function lossChart(job, points, width) {
  const total = number(job.progress?.totalSteps) || 1;
  const perEpoch = total / job.spec.options.epochs;
  const latest = job.progress ? [number(job.progress.step), number(job.progress.loss)] : null;
  const training = latest && latest[0] > (points[points.length - 1]?.[0] ?? 0) ? [...points, latest] : points;
  const validation = job.epochs.map((e) => [Math.round(e.epoch * perEpoch), number(e.validationLoss)]);
  const highest = Math.max(0.1, ...[...training, ...validation].map((p) => p[1]).filter(Number.isFinite));
  const step = latest ? latest[0] : 0;
  const ends = job.epochs.map((e) => Math.round(e.epoch * perEpoch));
  const meanAt = (x) => job.epochs.find((e) => Math.round(e.epoch * perEpoch) === x);
  return lineChart({
    id: 'loss-chart',
    title: 'Loss',
    summary: training.length ? `Loss by step: training from ${loss(training[0][1])} to ${loss(training[training.length - 1][1])} in ${count(step)} of ${count(total)} steps`
      : 'Loss by step: no step yet',
    xName: 'step',
    xTitle: 'optimiser step',
    yTitle: 'cross entropy per word',
    // A quarter of the width at least is used.
    xRange: [0, Math.min(total, Math.max(10, 4 * step))],
    yRange: [0, highest * 1.05],
    formatX: count,
    formatY: loss,
    formatTick: (y) => String(y),
    rules: ends.length <= 20 ? ends : [],
    series: [{ name: 'training', style: 'a thin', points: training },
      { name: 'validation', style: 'b dashed', marker: 'square', points: validation }],
    table: table('Mean loss of each epoch', [{ title: 'Step', number: true }, { title: 'Epoch', number: true },
      { title: 'Training', number: true }, { title: 'Validation', number: true }],
    validation.map(([x, value]) => [count(x), String(meanAt(x).epoch), loss(meanAt(x).trainLoss), loss(value)])),
  }, width);
}

function scoreChart(job, width) {
  const total = job.spec.options.epochs;
  const line = (pick) => job.epochs.map((e) => [e.epoch, pick(e.scores.micro)]);
  const last = job.epochs[job.epochs.length - 1];
  const best = job.epochs.filter((e) => e.best).pop();  // each that was the best until then says so
  const series = [{ name: 'F1', style: 'a', marker: 'circle', points: line((m) => m.f1) },
    { name: 'precision', style: 'b dashed', marker: 'square', points: line((m) => m.precision) },
    { name: 'recall', style: 'c dotted', marker: 'triangle', points: line((m) => m.recall) }];
  return lineChart({
    id: 'score-chart',
    title: 'F1, precision, recall',
    summary: last ? `Scores by epoch: F1 ${score(last.scores.micro.f1)}, precision ${score(last.scores.micro.precision)}, recall ${score(last.scores.micro.recall)} after epoch ${last.epoch} of ${total}`
      : `Scores by epoch: none of ${total} epochs is finished yet`,
    xName: 'epoch',
    xTitle: 'epoch',
    yTitle: 'score (0 to 1)',
    xRange: [total > 1 ? 1 : 0, total <= 20 ? Math.max(total, 1) : Math.max(20, last?.epoch ?? 0)],
    yRange: [0, 1],
    formatX: String,
    formatY: score,
    formatTick: (y) => y.toFixed(1),
    series,
    table: table('Micro averages on the validation part', [{ title: 'Epoch', number: true }, { title: 'F1', number: true },
      { title: 'Precision', number: true }, { title: 'Recall', number: true }, { title: 'Accuracy', number: true }],
    job.epochs.map((e) => [`${e.epoch}${e === best ? ' (best)' : ''}`, score(e.scores.micro.f1), score(e.scores.micro.precision),
      score(e.scores.micro.recall), score(e.scores.accuracy)])),
  }, width);
}
