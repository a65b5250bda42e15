// Keeps the page up to date: asks the server again and again while the page is looked at, and shows what changed.
import * as api from './api.js';
import { byId } from './dom.js';
import { shortName } from './format.js';
import { isActive, JobView, showJobList } from './jobs.js';
import { isTagger, showModel, showModelList, versionsOf } from './models.js';
import { offerModels, startTagger } from './tagger.js';
import { askForToken, startToken } from './token.js';

const BUSY = 1000;  // ms between questions while a job is under way
const IDLE = 5000;
const MODELS = 10000;
const SLOWEST = 15000;

const state = { jobs: null, job: null, models: null, modelName: '', chosenJob: '', chosenModel: '', modelsAt: 0, failures: 0 };
let timer = 0;
let round = Promise.resolve();

// Of "#job=ID" and "#model=NAME/VERSION"; anything else is a place on the page, or nothing at all ("#%").
function readAddress() {
  let place = '';
  try {
    place = decodeURIComponent(location.hash);
  } catch { /* an address that somebody mistyped */ }
  const [, kind, id] = place.match(/^#(job|model)=(.+)$/) ?? [];
  if (kind === 'job') state.chosenJob = id;
  if (kind === 'model') state.chosenModel = `models/${id.replace('/', '/versions/')}`;
  return kind;
}

async function refreshJobs(force) {
  const jobs = await api.jobs();
  const finished = (list) => list?.jobs.filter((job) => job.modelVersion).length ?? 0;
  if (finished(jobs) !== finished(state.jobs)) state.modelsAt = 0;
  const newest = jobs.jobs.find((job) => isActive(job) && job.state !== 'JOB_STATE_QUEUED') ?? jobs.jobs[0];
  const id = state.chosenJob || (newest ? shortName(newest.name) : '');
  const listChanged = JSON.stringify(jobs) !== JSON.stringify(state.jobs) || id !== state.job?.id;
  const view = state.job?.id === id ? state.job : new JobView(id);
  let changed = false;
  let gone = !id;
  if (id) {
    try {
      changed = await view.refresh();
    } catch (error) {
      // Deleted, or an address of old: back to the newest.
      if (!['NOT_FOUND', 'INVALID_ARGUMENT'].includes(error.code)) throw error;
      state.chosenJob = '';
      gone = true;
    }
  }
  // Both at once, when both answers are here: the list never says "succeeded" beside a curve that lacks its last epoch.
  if (force || listChanged) showJobList(jobs, id);
  state.jobs = jobs;
  if (gone) byId('job').hidden = true;
  else if (changed || force || view !== state.job) view.show();
  state.job = gone ? null : view;
}

function showModels(force, models) {
  const versions = versionsOf(models);
  const version = versions.find((v) => v.name === state.chosenModel) ?? versions.find(isTagger) ?? versions[0];
  const changed = JSON.stringify(models) !== JSON.stringify(state.models) || version?.name !== state.modelName;
  state.models = models;
  state.modelName = version?.name ?? '';
  if (!changed && !force) return;
  showModelList(models, state.modelName);
  showModel(version);
  offerModels(models);
}

async function refresh(force) {
  await refreshJobs(force);
  if (force || Date.now() - state.modelsAt >= MODELS) {
    const models = await api.models();
    state.modelsAt = Date.now();
    showModels(force, models);
  }
}

function wait() {
  clearTimeout(timer);
  if (document.hidden) return;
  const calm = state.jobs?.jobs.some(isActive) ? BUSY : IDLE;
  timer = setTimeout(update, Math.min(SLOWEST, calm * 2 ** state.failures));
}

// The same words are not written again: a screen reader would say them at every attempt.
function tell(text) {
  if (byId('connection').textContent !== text) byId('connection').textContent = text;
}

// One round at a time; `force` draws everything anew.
function update(force = false) {
  round = round.then(async () => {
    try {
      await refresh(force === true);
      state.failures = 0;
      tell('');
      askForToken(false);
    } catch (error) {
      if (error.code === 'UNAUTHENTICATED') {
        tell('');
        clearTimeout(timer);
        askForToken(true);  // until there is one, there is nothing to try again
        return;
      }
      state.failures += 1;
      tell(`What you see may be old: ${error.message} (${error.code ?? error.name}). Trying again.`);
    }
    wait();
  });
  return round;
}

// In a narrow window what was chosen stands below what was clicked.
async function goToChosen() {
  const kind = readAddress();
  if (!kind) return;
  await update(true);
  const title = byId(`${kind}-title`);
  title?.focus({ preventScroll: true });
  title?.scrollIntoView({ block: 'nearest' });
}

let width = innerWidth;
addEventListener('resize', () => {
  if (innerWidth === width) return;
  width = innerWidth;
  if (state.job?.job) state.job.show();
});
addEventListener('hashchange', goToChosen);
document.addEventListener('visibilitychange', () => (document.hidden ? clearTimeout(timer) : update()));

startToken(() => update(true));
startTagger();
readAddress();
update();
api.server().then((server) => { byId('version').textContent = server.version; }, () => {});
