'use strict';

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 };

/**
 * Stops a process in order: what was registered last is stopped first. A second signal, or the hard limit, ends it at once.
 */
class Lifecycle {
  #steps = [];
  #log;
  #limitSeconds;

  stopping = false;

  constructor(log, limitSeconds) {
    this.#log = log;
    this.#limitSeconds = limitSeconds;
  }

  listenForSignals() {
    for (const signal of Object.keys(SIGNAL_NUMBERS)) process.on(signal, () => this.#onSignal(signal));
  }

  onStop(name, stop) {
    this.#steps.push({ name, stop });
  }

  #onSignal(signal) {
    if (this.stopping) {
      this.#log.warn('second signal, leaving at once', { signal });
      process.exit(128 + SIGNAL_NUMBERS[signal]);
    }
    this.#log.info('stopping', { signal, limitSeconds: this.#limitSeconds });
    this.stop();
  }

  async stop(exitCode = 0) {
    this.stopping = true;
    const limit = setTimeout(() => {
      this.#log.error('still not stopped, leaving', { limitSeconds: this.#limitSeconds });
      process.exit(1);
    }, this.#limitSeconds * 1000);
    for (const { name, stop } of this.#steps.reverse()) {
      try {
        await stop();
        this.#log.debug('stopped', { part: name });
      } catch (error) {
        this.#log.warn('a part did not stop cleanly', { part: name, error });
      }
    }
    clearTimeout(limit);
    this.#log.info('stopped');
    process.exit(exitCode);
  }
}

module.exports = { Lifecycle };
