// Line charts as SVG, drawn for the width they get. Series differ by dash and marker as well as by colour; each chart has
// its numbers in a table beside it.
import { byId, el, scroller, svg } from './dom.js';

const HEIGHT = 230;
const MARGIN = { left: 52, right: 14, top: 14, bottom: 42 };

// About `wanted` round numbers from `low` to `high`; whole ones where `whole`.
export function ticks(low, high, wanted, whole = false) {
  const rough = (high - low) / wanted;
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  if (whole) step = Math.max(1, Math.round(step));
  const list = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) list.push(Number((i * step).toPrecision(12)));
  return list;
}

function marker(kind, x, y) {
  if (kind === 'square') return svg('rect', { x: x - 3.5, y: y - 3.5, width: 7, height: 7 });
  if (kind === 'triangle') return svg('path', { d: `M${x} ${y - 4.5}l4.5 8h-9z` });
  return svg('circle', { cx: x, cy: y, r: 4 });
}

const legend = (series) => el('ul', { class: 'legend' }, series.map((s) => el('li', {},
  svg('svg', { width: 34, height: 12, 'aria-hidden': 'true', class: `series ${s.style}` },
    svg('path', { d: 'M1 6h32' }), s.marker ? marker(s.marker, 17, 6) : null), ` ${s.name}`)));

const drawn = new Map();  // by id: {spec, scaleX, width} of the chart as it is now

const pointed = new Map();  // by id: where over the chart the pointer is, in the units of its picture

// What the chart tells of the place that is pointed at: a line at the nearest x, and the values there.
function reading(id) {
  const { spec, scaleX } = drawn.get(id);
  const xs = spec.series.flatMap((s) => s.points.map((p) => p[0]));
  if (!pointed.has(id) || xs.length === 0) return { line: '', text: '\u00a0' };
  const distance = (x) => Math.abs(scaleX(x) - pointed.get(id));
  const x = xs.reduce((a, b) => (distance(b) < distance(a) ? b : a));
  const values = spec.series.map((s) => [s.name, s.points.find((p) => p[0] === x)]).filter(([, point]) => point);
  return {
    line: `M${scaleX(x)} ${MARGIN.top}V${HEIGHT - MARGIN.bottom}`,
    text: `${spec.xName} ${spec.formatX(x)}: ${values.map(([n, p]) => `${n} ${spec.formatY(p[1])}`).join(', ')}`,
  };
}

function follow(id, picture) {
  const show = () => {
    const { line, text } = reading(id);
    byId(id).querySelector('.cursor').setAttribute('d', line);
    byId(id).querySelector('.readout').textContent = text;
  };
  picture.addEventListener('pointermove', (event) => {
    const box = picture.getBoundingClientRect();
    pointed.set(id, (event.clientX - box.left) * (drawn.get(id).width / box.width));
    show();
  });
  picture.addEventListener('pointerleave', () => {
    pointed.delete(id);
    show();
  });
}

// spec: {id, title, summary, xName, xTitle, yTitle, xRange, yRange, wholeX, formatX, formatY, rules: [x],
//        series: [{name, style, marker, points: [[x, y]]}], table}
export function lineChart(spec, width) {
  const [x0, x1] = spec.xRange;
  const [y0, y1] = spec.yRange;
  const right = width - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const scaleX = (x) => MARGIN.left + ((x - x0) / (x1 - x0 || 1)) * (right - MARGIN.left);
  const scaleY = (y) => bottom - ((y - y0) / (y1 - y0 || 1)) * (bottom - MARGIN.top);
  const picture = svg('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-label': spec.summary, class: 'chart' });
  for (const y of ticks(y0, y1, 5)) {
    picture.append(svg('path', { class: 'grid', d: `M${MARGIN.left} ${scaleY(y)}H${right}` }),
      svg('text', { x: MARGIN.left - 6, y: scaleY(y) + 4, class: 'y' }, spec.formatTick(y)));
  }
  for (const x of ticks(x0, x1, Math.max(2, Math.floor(width / 60)), true)) {
    picture.append(svg('text', { x: scaleX(x), y: bottom + 17, class: 'x' }, spec.formatX(x)));
  }
  for (const x of spec.rules ?? []) {
    if (x > x0 && x <= x1) picture.append(svg('path', { class: 'rule', d: `M${scaleX(x)} ${MARGIN.top}V${bottom}` }));
  }
  picture.append(svg('path', { class: 'axis', d: `M${MARGIN.left} ${MARGIN.top}V${bottom}H${right}` }),
    svg('text', { x: (MARGIN.left + right) / 2, y: HEIGHT - 6, class: 'x title' }, spec.xTitle),
    svg('text', { class: 'title', 'text-anchor': 'middle', transform: `translate(12 ${(MARGIN.top + bottom) / 2}) rotate(-90)` },
      spec.yTitle));
  for (const series of spec.series) {
    const points = series.points.filter(([x, y]) => Number.isFinite(y) && x >= x0 && x <= x1).map(([x, y]) => [scaleX(x), scaleY(y)]);
    const path = points.map(([x, y], i) => `${i ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');
    picture.append(svg('g', { class: `series ${series.style}`, 'data-points': points.length }, svg('path', { d: path }),
      series.marker ? points.map(([x, y]) => marker(series.marker, x, y)) : null));
  }
  drawn.set(spec.id, { spec, scaleX, width });
  const { line, text } = reading(spec.id);
  picture.append(svg('path', { class: 'cursor', d: line }));
  follow(spec.id, picture);
  return el('figure', { id: spec.id },
    el('figcaption', {}, el('strong', {}, spec.title), legend(spec.series)),
    picture, el('p', { class: 'readout', 'aria-hidden': 'true' }, text),
    el('details', { id: `${spec.id}-table` }, el('summary', { id: `${spec.id}-summary` }, `${spec.title} as a table`),
      scroller(`${spec.id}-rows`, `${spec.title}, table`, spec.table)));
}
