// Elements from data. Text becomes text nodes, never markup: nothing here or elsewhere on the page parses HTML.

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

export const el = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);

export const svg = (name, attributes = {}, ...children) =>
  fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);

// A table whose cells are strings, numbers or elements. Columns: {title, number, wide}; `wide` ones are left out on
// narrow screens.
export function table(caption, columns, rows, attributes = {}) {
  const kind = (column) => [column.number && 'number', column.wide && 'wide'].filter(Boolean).join(' ') || null;
  return el('table', attributes,
    el('caption', {}, caption),
    el('thead', {}, el('tr', {}, columns.map((c) => el('th', { scope: 'col', class: kind(c) }, c.title)))),
    el('tbody', {}, rows.map((row) => {
      const { cells, ...rest } = Array.isArray(row) ? { cells: row } : row;
      return el('tr', rest, cells.map((cell, i) => i === 0
        ? el('th', { scope: 'row', class: kind(columns[i]) }, cell)
        : el('td', { class: kind(columns[i]) }, cell)));
    })));
}

// A wide thing that scrolls by itself, by keyboard too.
export const scroller = (id, label, ...children) =>
  el('div', { id, class: 'scroller', tabindex: 0, role: 'region', 'aria-label': label }, ...children);

// Puts `nodes` into `container` in place of what is there; focus, opened details and scroll positions stay where an
// element of the same id comes back.
export function replace(container, ...nodes) {
  const focused = container.contains(document.activeElement) ? document.activeElement.id : '';
  const opened = [...container.querySelectorAll('details[open][id]')].map((e) => e.id);
  const scrolled = [...container.querySelectorAll('.scroller')].map((e) => [e.id, e.scrollLeft, e.scrollTop]);
  container.replaceChildren(...nodes);
  for (const id of opened) byId(id)?.setAttribute('open', '');
  for (const [id, left, top] of scrolled) byId(id)?.scrollTo(left, top);
  if (focused) byId(focused)?.focus({ preventScroll: true });
}
