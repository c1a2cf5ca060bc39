'use strict';

const fs = require('node:fs');

const { Redis } = require('ioredis');

const release = process.env.RELEASE ?? 'development';

/** A connection for whatever waits for jobs: without Redis it waits for Redis. */
function connect() {
  const redis = new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null });
  redis.on('error', (error) => console.error(`redis: ${error.message}`));
  return redis;
}

/** Ends the process in order. A supervisor sends SIGINT (PM2) or SIGTERM (systemd). */
function stopWith(stop) {
  const once = async (signal) => {
    console.log(`${signal}: finishing what is in hand`);
    await stop();
    console.log('ended');
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, once);
}

/** What is wrong with this version on purpose: `{"clock": "cannot read the calendar"}`. */
function applyFault(name) {
  const faults = fs.existsSync('fault.json') ? JSON.parse(fs.readFileSync('fault.json', 'utf8')) : {};
  if (faults[name]) throw new Error(faults[name]);
}

/** What has happened to a job, oldest first. */
const history = (id) => `history:${id}`;

module.exports = { applyFault, connect, history, release, stopWith };
