import { reactive } from 'vue';

/** Who answered last: read off the headers of every response. `first` is the release that this page came from. */
export const answeredBy = reactive({ release: '', slot: '', version: '', first: '', reachable: true });

export function noteIdentity({ release, slot, version }) {
  if (!release) return;
  answeredBy.first ||= release;
  answeredBy.release = release;
  answeredBy.slot = slot;
  if (version) answeredBy.version = version;
}

async function request(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body ? { 'Content-Type': 'application/json' } : {},
    body: body ? JSON.stringify(body) : undefined,
  });
  noteIdentity({ release: response.headers.get('x-release'), slot: response.headers.get('x-slot') });
  const answer = await response.json().catch(() => ({ error: `the server answered ${response.status}` }));
  if (!response.ok) {
    const faults = (answer.faults ?? []).map(({ field, fault }) => `${field} ${fault}`);
    throw new Error(faults.join(', ') || answer.error);
  }
  return answer;
}

export const listTickets = (query) => request('GET', `/api/tickets?${new URLSearchParams(query)}`);
export const countTickets = () => request('GET', '/api/tickets/count');
export const createTicket = (ticket) => request('POST', '/api/tickets', ticket);
export const changeTicket = (id, change) => request('PATCH', `/api/tickets/${id}`, change);

/** Asks who is serving now, so that a switch shows on a page that nobody touches. */
export async function askVersion() {
  try {
    noteIdentity(await request('GET', '/version'));
    answeredBy.reachable = true;
  } catch {
    answeredBy.reachable = false;
  }
}
