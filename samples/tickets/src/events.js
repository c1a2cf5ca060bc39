'use strict';

const CHANNEL = 'tickets:events';

/**
 * Tells every server of every host and slot that a ticket changed. Best effort: the change itself is already in the
 * database, and a page that missed it sees it at its next load.
 */
async function publishTicket(redis, log, type, ticket) {
  try {
    await redis.publish(CHANNEL, JSON.stringify({ type, ticket }));
  } catch (error) {
    log.warn('a change was not published', { ticket: ticket.id, error });
  }
}

async function subscribeToTickets(subscriber, onEvent) {
  subscriber.on('message', (_channel, text) => onEvent(JSON.parse(text)));
  await subscriber.subscribe(CHANNEL);
}

module.exports = { publishTicket, subscribeToTickets };
