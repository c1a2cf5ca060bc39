'use strict';

const http = require('node:http');

const { version } = require('../package.json');
const { createApp } = require('./app');
const { Connections } = require('./connections');
const { openDatabase } = require('./database');
const { applyAtStart, applyWhenReady, readFault } = require('./fault');
const { Lifecycle } = require('./lifecycle');
const { openLive } = require('./live');
const { createLog } = require('./log');
const { TriageQueue } = require('./queue');
const { FAIL_FAST, WAIT_FOR_EVER, openRedis } = require('./redis');
const { readSettings } = require('./settings');

// Longer than proxies keep their idle connections (nginx: 60 s), so that it is the proxy that closes them and no request
// is ever sent into a connection that is being closed.
const KEEP_ALIVE_MILLISECONDS = 75_000;

async function main() {
  const settings = readSettings(process.env);
  const identity = { process: 'server', release: settings.release, slot: settings.slot, pid: process.pid };
  const log = createLog(settings.logLevel, identity);
  const fault = readFault('server');
  const lifecycle = new Lifecycle(log, settings.shutdownSeconds);
  lifecycle.listenForSignals();
  await applyAtStart(fault, log);

  const connections = new Connections();
  const context = openParts({ settings, log, fault, lifecycle, connections, version });
  const server = http.createServer(createApp(context));
  server.keepAliveTimeout = KEEP_ALIVE_MILLISECONDS;
  server.headersTimeout = KEEP_ALIVE_MILLISECONDS + 5_000;
  const live = openLive(server, context.subscriber, { release: settings.release, slot: settings.slot, version }, log);
  lifecycle.onStop('connections', () => connections.close(server, live));

  if (fault.kind === 'never-ready') {
    log.warn('told never to get ready (FAULT=never-ready): not listening');
    return;
  }
  await listen(server, settings.listen);
  log.info('listening', { address: server.address(), version, node: process.version });
  applyWhenReady(fault);
}

/** Opens what the application stands on; each part registers how it is closed. */
function openParts(context) {
  const { settings, log, lifecycle } = context;
  const database = openDatabase(settings, log);
  lifecycle.onStop('database', () => database.sequelize.close());
  const redis = openRedis(settings.redisUrl, 'tickets-server', log, FAIL_FAST);
  lifecycle.onStop('redis', () => redis.disconnect());
  const subscriber = openRedis(settings.redisUrl, 'tickets-live', log, WAIT_FOR_EVER);
  lifecycle.onStop('subscription', () => subscriber.disconnect());
  const queue = new TriageQueue(redis, log);
  lifecycle.onStop('queue', () => queue.close());
  return { ...context, database, redis, subscriber, queue };
}

function listen(server, address) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // Who may reach a socket is decided by its folder, so the socket itself is open to all.
    const where = address.kind === 'socket' ? { path: address.path, readableAll: true, writableAll: true } : address;
    server.listen(where, resolve);
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
