'use strict';

const { Queue } = require('bullmq');

const NAME = 'triage';

const JOB_OPTIONS = Object.freeze({
  attempts: 5,
  backoff: { type: 'exponential', delay: 1_000 },
  removeOnComplete: true,
  removeOnFail: { count: 1_000 },
});

/** The way to ask the worker for a triage. `redis` is a connection that fails fast, so asking never waits for Redis. */
class TriageQueue {
  #redis;
  #queue = null;
  #log;

  constructor(redis, log) {
    this.#redis = redis;
    this.#log = log;
  }

  /** Asks for the triage of these tickets; asking twice for one that still waits is harmless. */
  async ask(ticketIds) {
    const jobs = ticketIds.map((ticketId) => ({
      name: 'triage',
      data: { ticketId },
      opts: { ...JOB_OPTIONS, jobId: `ticket-${ticketId}` },
    }));
    await this.#open().addBulk(jobs);
  }

  async close() {
    await this.#queue?.close();
  }

  // A queue that is made before its connection stands never works, hence only now.
  #open() {
    if (this.#queue) return this.#queue;
    if (this.#redis.status !== 'ready') throw new Error('redis does not answer');
    this.#queue = new Queue(NAME, { connection: this.#redis, skipWaitingForReady: true });
    this.#queue.on('error', (error) => this.#log.debug('queue', { error }));
    return this.#queue;
  }
}

module.exports = { NAME, TriageQueue };
