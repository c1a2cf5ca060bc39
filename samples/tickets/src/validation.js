'use strict';

const { PRIORITIES, STATUSES } = require('./models/ticket');

/** A request that cannot be served as it stands; `status` is the HTTP status to answer with. */
class RequestError extends Error {
  constructor(status, message, faults = []) {
    super(message);
    this.name = 'RequestError';
    this.status = status;
    this.faults = faults;
  }
}

const text = (longest, { required = false } = {}) => (value) => {
  if (typeof value !== 'string') return { fault: 'must be text' };
  const trimmed = value.trim();
  if (required && trimmed === '') return { fault: 'must not be empty' };
  if (trimmed.length > longest) return { fault: `must have at most ${longest} characters` };
  // PostgreSQL's text cannot hold this one character.
  if (trimmed.includes('\0')) return { fault: 'must not hold a zero character' };
  return { value: trimmed };
};

const oneOf = (choices) => (value) =>
  choices.includes(value) ? { value } : { fault: `must be one of ${choices.join(', ')}` };

const FIELDS = Object.freeze({
  title: text(200, { required: true }),
  body: text(5_000),
  requester: text(100),
  priority: oneOf(PRIORITIES),
  status: oneOf(STATUSES),
});

function check(input, allowed) {
  if (input === null || typeof input !== 'object' || Array.isArray(input)) {
    throw new RequestError(400, 'the body must be a JSON object');
  }
  const faults = [];
  const values = {};
  for (const [key, given] of Object.entries(input)) {
    const result = allowed.includes(key) ? FIELDS[key](given) : { fault: 'is not a field that can be set' };
    if (result.fault) faults.push({ field: key, fault: result.fault });
    else values[key] = result.value;
  }
  return { values, faults };
}

function refuseFaults(faults) {
  if (faults.length > 0) throw new RequestError(400, 'some fields are not valid', faults);
}

/** The fields of a new ticket. Throws a RequestError that names every field at fault. */
function newTicket(input) {
  const { values, faults } = check(input, ['title', 'body', 'requester', 'priority']);
  if (!Object.hasOwn(input, 'title')) faults.push({ field: 'title', fault: 'is missing' });
  refuseFaults(faults);
  return values;
}

/** The fields of a change. Throws a RequestError that names every field at fault, or when nothing would change. */
function ticketChange(input) {
  const { values, faults } = check(input, Object.keys(FIELDS));
  refuseFaults(faults);
  if (Object.keys(values).length === 0) throw new RequestError(400, 'there is nothing to change');
  return values;
}

function wholeNumber(name, given, { fallback, smallest, largest }) {
  if (given === undefined) return fallback;
  const value = /^\d{1,15}$/.test(given) ? Number(given) : NaN;
  if (!(value >= smallest && value <= largest)) {
    throw new RequestError(400, `${name} must be a whole number from ${smallest} to ${largest}`);
  }
  return value;
}

function ticketId(given) {
  return wholeNumber('id', given, { smallest: 1, largest: Number.MAX_SAFE_INTEGER });
}

/** What a list request asks for: at most `limit` tickets older than the ticket `before`, of one status or of all. */
function listQuery(query) {
  if (query.status !== undefined && !STATUSES.includes(query.status)) {
    throw new RequestError(400, `status must be one of ${STATUSES.join(', ')}`);
  }
  return {
    status: query.status,
    limit: wholeNumber('limit', query.limit, { fallback: 50, smallest: 1, largest: 200 }),
    before: wholeNumber('before', query.before, { smallest: 1, largest: Number.MAX_SAFE_INTEGER }),
  };
}

function slowSeconds(query) {
  const value = Number(query.seconds ?? 1);
  if (!(value >= 0 && value <= 60)) throw new RequestError(400, 'seconds must be a number from 0 to 60');
  return value;
}

module.exports = { RequestError, listQuery, newTicket, slowSeconds, ticketChange, ticketId };
