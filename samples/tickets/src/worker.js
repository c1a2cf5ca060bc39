'use strict';

const { Worker } = require('bullmq');

const { openDatabase } = require('./database');
const { publishTicket } = require('./events');
const { applyAtStart, applyWhenReady, readFault } = require('./fault');
const { Lifecycle } = require('./lifecycle');
const { createLog, explain } = require('./log');
const { NAME, TriageQueue } = require('./queue');
const { FAIL_FAST, WAIT_FOR_EVER, openRedis } = require('./redis');
const { readSettings } = require('./settings');
const { labelFor } = require('./triage');

const SWEEP_LIMIT = 1_000;

async function main() {
  const settings = readSettings(process.env);
  const identity = { process: 'worker', release: settings.release, slot: settings.slot, pid: process.pid };
  const log = createLog(settings.logLevel, identity);
  const fault = readFault('worker');
  const lifecycle = new Lifecycle(log, settings.shutdownSeconds);
  lifecycle.listenForSignals();
  await applyAtStart(fault, log);

  const database = openDatabase(settings, log);
  lifecycle.onStop('database', () => database.sequelize.close());
  const redis = openRedis(settings.redisUrl, 'tickets-worker', log, FAIL_FAST);
  lifecycle.onStop('redis', () => redis.disconnect());
  const consumer = openRedis(settings.redisUrl, 'tickets-consumer', log, WAIT_FOR_EVER);
  lifecycle.onStop('consumer', () => consumer.disconnect());

  const triage = triageWith({ settings, database, redis, log });
  const worker = new Worker(NAME, triage, { connection: consumer, concurrency: 5 });
  worker.on('failed', (job, error) => log.error('job failed', { job: job?.id, attempt: job?.attemptsMade, error }));
  worker.on('error', (error) => log.debug('worker', { reason: explain(error) }));
  // Waits for the jobs in hand; without Redis there are none, and it would wait for Redis.
  lifecycle.onStop('worker', () => worker.close(consumer.status !== 'ready'));

  await worker.waitUntilReady();
  log.info('waiting for jobs', { queue: NAME, node: process.version });
  await sweep({ database, consumer, log });
  applyWhenReady(fault);
}

function triageWith({ settings, database, redis, log }) {
  const triagedBy = `${settings.release} ${settings.slot}`;
  return async ({ data: { ticketId } }) => {
    const ticket = await database.Ticket.findByPk(ticketId);
    if (!ticket || ticket.label) return;
    await new Promise((resolve) => setTimeout(resolve, settings.triageSeconds * 1000));
    await ticket.update({ label: labelFor(ticket), triagedAt: new Date(), triagedBy });
    await publishTicket(redis, log, 'updated', ticket);
    log.info('ticket triaged', { ticket: ticketId, label: ticket.label });
  };
}

/** Asks again for the tickets that were stored while Redis was away. */
async function sweep({ database, consumer, log }) {
  const queue = new TriageQueue(consumer, log);
  try {
    const where = { label: null };
    const left = await database.Ticket.findAll({ where, attributes: ['id'], order: [['id', 'DESC']], limit: SWEEP_LIMIT });
    if (left.length > 0) await queue.ask(left.map(({ id }) => id));
    log.info('swept', { tickets: left.length });
  } catch (error) {
    log.warn('no sweep this time', { reason: explain(error) });
  } finally {
    await queue.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
