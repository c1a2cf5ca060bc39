'use strict';

const { Redis } = require('ioredis');

const { explain } = require('./log');

/** A Redis connection that reconnects by itself and logs an outage once, not at every attempt. */
function openRedis(url, name, log, options = {}) {
  const redis = new Redis(url, {
    connectionName: name,
    connectTimeout: 3_000,
    retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
    ...options,
  });
  let reported = false;
  redis.on('error', (error) => {
    if (!reported) log.warn('redis does not answer', { connection: name, reason: explain(error) });
    reported = true;
  });
  redis.on('ready', () => {
    if (reported) log.info('redis answers again', { connection: name });
    reported = false;
  });
  return redis;
}

/** Resolves when Redis answers. */
async function pingRedis(redis) {
  if (redis.status !== 'ready') throw new Error('not connected');
  await redis.ping();
}

/** For requests: a command without a connection fails at once instead of waiting for one. */
const FAIL_FAST = Object.freeze({ enableOfflineQueue: false, maxRetriesPerRequest: 1 });

/** For blocking consumers: commands wait until Redis is back. */
const WAIT_FOR_EVER = Object.freeze({ maxRetriesPerRequest: null });

module.exports = { FAIL_FAST, WAIT_FOR_EVER, openRedis, pingRedis };
