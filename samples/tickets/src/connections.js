'use strict';

// How long a stopping server still answers on the connections it has, with "Connection: close", before it closes the idle
// ones: a busy proxy lets go of them in that time by itself, and no request is sent into a connection being closed.
const FAREWELL_MILLISECONDS = 250;

const SWEEP_MILLISECONDS = 100;

/** The requests that are being answered, and how a server parts from its clients without cutting one off. */
class Connections {
  #inHand = new Set();
  #stopping = false;

  /** Express middleware that must come first. */
  track() {
    return (_request, response, next) => {
      this.#inHand.add(response);
      response.once('close', () => this.#inHand.delete(response));
      if (this.#stopping) response.set('Connection', 'close');
      next();
    };
  }

  /** Stops accepting, disconnects the pages (they reconnect elsewhere), waits for the requests in hand. */
  async close(server, live) {
    this.#stopping = true;
    for (const response of this.#inHand) {
      if (!response.headersSent) response.set('Connection', 'close');
    }
    await new Promise((resolve) => setTimeout(resolve, FAREWELL_MILLISECONDS));
    // A response whose head had promised to keep the connection leaves it idle, and nobody else would close it.
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MILLISECONDS);
    await live.close(); // closes the server with it
    clearInterval(sweep);
  }
}

module.exports = { Connections };
