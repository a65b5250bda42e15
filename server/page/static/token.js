// The token that a server with --tokens asks for: kept for this tab alone, and sent with every request.
import { byId } from './dom.js';

const KEY = 'fintag-token';

export function authorization() {
  const token = sessionStorage.getItem(KEY);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

// Shows the field for a token in place of all else, or hides it where requests are answered.
export function askForToken(wanted) {
  const known = sessionStorage.getItem(KEY) !== null;
  byId('forget-token').hidden = !known || wanted;
  if (wanted && known) byId('token-status').textContent = 'The server does not take this token.';
  if (!wanted) byId('token-status').textContent = '';
  if (wanted !== byId('sign-in').hidden) return;
  byId('sign-in').hidden = !wanted;
  for (const section of ['jobs', 'models', 'tag']) byId(section).hidden = wanted;
  if (wanted) byId('token').focus();
}

// `onChange` is called when there is another token, or none any more.
export function startToken(onChange) {
  byId('token-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const token = byId('token').value.trim();
    if (!/^[!-~]+$/.test(token)) {
      byId('token-status').textContent = 'A token is letters, digits and signs without spaces.';
      return;
    }
    sessionStorage.setItem(KEY, token);
    byId('token').value = '';
    onChange();
  });
  byId('forget-token').addEventListener('click', () => {
    sessionStorage.removeItem(KEY);
    location.reload();  // what was shown goes too
  });
}
