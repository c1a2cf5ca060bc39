'use strict';

const { Server } = require('socket.io');

const { subscribeToTickets } = require('./events');

/**
 * Live updates for the page. Every server hears of every change through Redis and tells its own clients, so it does not
 * matter which host or slot a page is connected to.
 */
function openLive(httpServer, subscriber, identity, log) {
  // Websockets only: long polling would need every request of a client to meet the same server.
  const live = new Server(httpServer, { transports: ['websocket'], serveClient: false });
  live.on('connection', (socket) => socket.emit('welcome', identity));
  subscribeToTickets(subscriber, (event) => live.emit('ticket', event)).catch((error) => {
    log.error('there will be no live updates', { error });
  });
  return live;
}

module.exports = { openLive };
