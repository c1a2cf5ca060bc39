'use strict';

const { randomUUID } = require('node:crypto');

const express = require('express');

const { serveFrontend } = require('./frontend');
const { explain } = require('./log');
const { probeRoutes } = require('./routes/probes');
const { ticketRoutes } = require('./routes/tickets');
const { RequestError } = require('./validation');

const CONTENT_POLICY = [
  "default-src 'self'",
  "connect-src 'self' ws: wss:",
  "img-src 'self' data:",
  "style-src 'self' 'unsafe-inline'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * The web application. `context` carries what the routes need: settings, log, fault, lifecycle, connections,
 * database, redis, queue and the package's version.
 */
function createApp(context) {
  const app = express();
  app.disable('x-powered-by');
  app.set('trust proxy', 1); // one proxy stands in front; over a unix socket there is no peer address to name
  app.use(context.connections.track(), identify(context), logRequests(context));
  app.use(probeRoutes(context));
  app.use('/api/tickets', express.json({ limit: '64kb' }), ticketRoutes(context));
  app.use('/api', () => {
    throw new RequestError(404, 'there is no such address');
  });
  serveFrontend(app);
  app.use(answerErrors(context));
  return app;
}

/** Says on every response who answered. */
function identify({ settings }) {
  return (request, response, next) => {
    request.id = request.get('x-request-id')?.slice(0, 100) ?? randomUUID();
    response.set({
      'X-Release': settings.release,
      'X-Slot': settings.slot,
      'X-Request-Id': request.id,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'same-origin',
      'Content-Security-Policy': CONTENT_POLICY,
    });
    next();
  };
}

function logRequests({ log }) {
  return (request, response, next) => {
    const started = process.hrtime.bigint();
    response.once('close', () => {
      log.info('request', {
        request: request.id,
        method: request.method,
        path: request.originalUrl,
        status: response.statusCode,
        milliseconds: Number(process.hrtime.bigint() - started) / 1e6,
        client: request.ip,
        ...(response.writableFinished ? {} : { aborted: true }),
      });
    });
    next();
  };
}

function answerErrors({ log }) {
  // Express knows an error handler by its four parameters.
  return (error, request, response, next) => {
    if (response.headersSent) return next(error);
    const known = error instanceof RequestError || error.expose === true;
    const status = known ? error.status : 500;
    if (!known) log.error('request failed', { request: request.id, path: request.originalUrl, reason: explain(error), error });
    response.status(status).json({
      error: known ? error.message : 'something went wrong on our side',
      ...(error.faults?.length > 0 ? { faults: error.faults } : {}),
      request: request.id,
    });
  };
}

module.exports = { createApp };
