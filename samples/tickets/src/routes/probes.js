'use strict';

const { Router } = require('express');

const { explain } = require('../log');
const { pingRedis } = require('../redis');
const { slowSeconds } = require('../validation');

const PATIENCE_MILLISECONDS = 2_000;

/** /healthz, /version and /slow: who is answering, is it fit to serve, and does it finish what it began. */
function probeRoutes({ settings, fault, lifecycle, database, redis, version }) {
  const identity = () => ({ release: settings.release, slot: settings.slot, pid: process.pid, uptime: process.uptime() });
  const checks = { database: () => database.ping(), redis: () => pingRedis(redis) };

  async function reasonsAgainst() {
    if (fault.kind === 'unhealthy') return ['told to be unhealthy (FAULT=unhealthy)'];
    if (lifecycle.stopping) return ['stopping'];
    const results = await Promise.all(Object.entries(checks).map(([name, check]) => reasonFor(name, check)));
    return results.filter((reason) => reason !== null);
  }

  const router = Router();
  router.get('/healthz', async (_request, response) => {
    const reasons = await reasonsAgainst();
    response.set('Cache-Control', 'no-store');
    if (reasons.length > 0) response.status(503).json({ ...identity(), reason: reasons.join('; ') });
    else response.json(identity());
  });
  router.get('/version', (_request, response) => {
    response.set('Cache-Control', 'no-store').json({ ...identity(), version });
  });
  router.get('/slow', (request, response) => {
    const seconds = slowSeconds(request.query);
    const timer = setTimeout(() => response.json({ ...identity(), seconds }), seconds * 1000);
    response.once('close', () => clearTimeout(timer));
  });
  return router;
}

/** Why a part is not fit, or null. A part that does not answer in time is not fit. */
async function reasonFor(name, check) {
  let timer;
  const patience = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${PATIENCE_MILLISECONDS} ms`)), PATIENCE_MILLISECONDS);
  });
  try {
    await Promise.race([check(), patience]);
    return null;
  } catch (error) {
    return `${name}: ${explain(error)}`;
  } finally {
    clearTimeout(timer);
  }
}

module.exports = { probeRoutes };
