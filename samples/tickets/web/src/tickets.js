import { io } from 'socket.io-client';
import { computed, reactive, ref } from 'vue';

import { changeTicket, countTickets, createTicket, listTickets, noteIdentity } from './api';

const PAGE = 50;

const byId = reactive(new Map());
const fresh = reactive(new Set());

export const filter = ref('');
export const counts = reactive({ count: 0, byStatus: {} });
export const live = ref(false);
export const more = ref(false);
export const loading = ref(true);
export const problem = ref('');

export const tickets = computed(() =>
  [...byId.values()].filter(({ status }) => !filter.value || status === filter.value).sort((a, b) => b.id - a.id),
);
export const isFresh = (id) => fresh.has(id);

const guarded = async (action) => {
  try {
    const result = await action();
    problem.value = '';
    return result;
  } catch (error) {
    problem.value = error.message;
    return undefined;
  }
};

function keep(ticket) {
  byId.set(ticket.id, ticket);
  fresh.add(ticket.id);
  setTimeout(() => fresh.delete(ticket.id), 1_600);
}

let pendingCount = null;
function refreshCounts() {
  pendingCount ??= setTimeout(async () => {
    pendingCount = null;
    const answer = await guarded(countTickets);
    if (answer) Object.assign(counts, answer);
  }, 150);
}

async function fetchPage(before) {
  const query = { limit: PAGE, ...(filter.value ? { status: filter.value } : {}), ...(before ? { before } : {}) };
  const answer = await guarded(() => listTickets(query));
  if (!answer) return;
  if (!before) byId.clear();
  for (const ticket of answer.tickets) byId.set(ticket.id, ticket);
  more.value = answer.tickets.length === PAGE;
}

export async function load() {
  await fetchPage();
  loading.value = false;
  refreshCounts();
}

export const loadOlder = () => fetchPage(tickets.value.at(-1)?.id);

export function choose(status) {
  filter.value = status;
  return load();
}

export async function create(fields) {
  const ticket = await createTicket(fields);
  keep(ticket);
  refreshCounts();
}

export async function setStatus(id, status) {
  const ticket = await guarded(() => changeTicket(id, { status }));
  if (ticket) keep(ticket);
  refreshCounts();
}

export function connect() {
  const socket = io({ transports: ['websocket'], reconnectionDelayMax: 2_000 });
  socket.on('connect', () => {
    live.value = true;
    load(); // what happened while the page was not connected
  });
  socket.on('welcome', noteIdentity);
  socket.on('disconnect', (reason) => {
    live.value = false;
    if (reason === 'io server disconnect') socket.connect();
  });
  socket.on('ticket', ({ ticket }) => {
    keep(ticket);
    refreshCounts();
  });
}
