// The server's JSON (STATUS_PAGE.md).
import { authorization } from './token.js';

export class ApiError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

async function ask(path, options = {}, milliseconds = 8000) {
  let response;
  try {
    const headers = { ...options.headers, ...authorization() };
    response = await fetch(path, { ...options, headers, signal: AbortSignal.timeout(milliseconds), cache: 'no-store' });
  } catch (error) {
    throw new ApiError('UNAVAILABLE', error.name === 'TimeoutError' ? 'no answer in time' : 'the server cannot be reached');
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  const { code, message } = body?.error ?? {};
  if (response.status === 413) throw new ApiError('INVALID_ARGUMENT', 'the text is too long for one request: split it');
  throw new ApiError(code ?? `HTTP ${response.status}`, message ?? 'the server answered without a reason');
}

export const server = () => ask('/api/server');
export const jobs = () => ask('/api/jobs');
export const job = (id) => ask(`/api/jobs/${encodeURIComponent(id)}`);
export const progress = (id, after) => ask(`/api/jobs/${encodeURIComponent(id)}/progress?after=${after}`);
export const models = () => ask('/api/models');
export const tag = (model, text) => ask('/api/tag', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ model, inputs: [{ text }] }),
}, 30000);
