// Elements from data. Text becomes text nodes, never markup: nothing here or elsewhere on the page parses HTML.

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => ![null, undefined, false, ''].includes(child)));
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

const isSame = (old, fresh) => old.nodeName === fresh.nodeName && (old.id ?? '') === (fresh.id ?? '');

function updateAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    // Whether details are open is the reader's affair.
    if (!fresh.hasAttribute(name) && !(name === 'open' && old.nodeName === 'DETAILS')) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

// Removes the siblings from `node` on, up to `end`.
function removeUntil(end, node) {
  while (node !== end) {
    const next = node.nextSibling;
    node.remove();
    node = next;
  }
}

// Gives `old` the children of `fresh`. What stays is not moved, which would take the focus from it.
function updateChildren(old, fresh) {
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    let match = place;
    while (match && !isSame(match, child)) match = match.nextSibling;
    if (!match) {
      old.insertBefore(child, place);
      continue;
    }
    removeUntil(match, place);
    if (match.nodeType !== Node.TEXT_NODE) {
      updateAttributes(match, child);
      updateChildren(match, child);
    } else if (match.data !== child.data) {
      match.data = child.data;
    }
    place = match.nextSibling;
  }
  removeUntil(null, place);
}

// Makes `nodes` the content of `container` by changing what differs and nothing else: focus, selected text, opened
// details and scroll positions stay, and a screen reader has nothing to read again. Rows that come and go have ids. An
// element outlives what it shows at first, so its listeners look up what that is now.
export const replace = (container, ...nodes) => updateChildren(container, el('div', {}, ...nodes));
