// Numbers, names and times as a person reads them. Protobuf's JSON has 64-bit numbers and NaN as strings.

export const number = (value) => Number(value ?? 0);
const finite = (value) => value !== null && value !== undefined && Number.isFinite(Number(value));

export const count = (value) => number(value).toLocaleString('en-US');
export const score = (value) => (finite(value) ? number(value).toFixed(4) : '–');
export const share = (value) => `${value > 0 && value < 0.0005 ? '<0.1' : (100 * value).toFixed(value > 0 && value < 0.1 ? 1 : 0)}\u00a0%`;

export function loss(value) {
  if (!finite(value)) return '–';
  return number(value) !== 0 && number(value) < 0.001 ? number(value).toExponential(1) : number(value).toFixed(4);
}

export const bytes = (value) => (number(value) >= 1e9
  ? `${(number(value) / 1e9).toFixed(1)} GB` : `${(number(value) / 1e6).toFixed(1)} MB`);

// "3:07" or "1:02:09".
export function duration(seconds) {
  if (!finite(seconds)) return '–';
  const whole = Math.max(0, Math.round(number(seconds)));
  const two = (n) => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

export const time = (text) => (text
  ? new Date(text).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' }) : '–');
export const seconds = (from, to) => (new Date(to) - new Date(from)) / 1000;

// "tagger" of "models/tagger", "tagger/2" of "models/tagger/versions/2".
export const shortName = (name) => (name || '').replace(/^[a-z]+\//, '').replace('/versions/', '/');
