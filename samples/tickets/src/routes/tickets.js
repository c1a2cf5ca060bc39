'use strict';

const { Router } = require('express');
const { Op, fn, col } = require('sequelize');

const { publishTicket } = require('../events');
const { STATUSES } = require('../models/ticket');
const { RequestError, listQuery, newTicket, ticketChange, ticketId } = require('../validation');

function ticketRoutes({ database, redis, queue, log }) {
  const { Ticket } = database;

  // The ticket is stored by then: without Redis it waits for the sweep that each worker makes when it starts.
  async function enqueueTriage(ticket) {
    try {
      await queue.ask([ticket.id]);
    } catch (error) {
      log.warn('a ticket waits for the next sweep', { ticket: ticket.id, error });
    }
  }

  async function find(id) {
    const ticket = await Ticket.findByPk(id);
    if (!ticket) throw new RequestError(404, `there is no ticket ${id}`);
    return ticket;
  }

  const router = Router();
  router.get('/', async (request, response) => {
    const { status, limit, before } = listQuery(request.query);
    const where = { ...(status ? { status } : {}), ...(before ? { id: { [Op.lt]: before } } : {}) };
    response.json({ tickets: await Ticket.findAll({ where, order: [['id', 'DESC']], limit }) });
  });
  router.get('/count', async (_request, response) => {
    response.json(await countTickets(Ticket));
  });
  router.get('/:id', async (request, response) => {
    response.json(await find(ticketId(request.params.id)));
  });
  router.post('/', async (request, response) => {
    const ticket = await Ticket.create(newTicket(request.body));
    await publishTicket(redis, log, 'created', ticket);
    await enqueueTriage(ticket);
    response.status(201).location(`/api/tickets/${ticket.id}`).json(ticket);
  });
  router.patch('/:id', async (request, response) => {
    const change = ticketChange(request.body);
    const ticket = await find(ticketId(request.params.id));
    await ticket.update(change);
    await publishTicket(redis, log, 'updated', ticket);
    response.json(ticket);
  });
  return router;
}

async function countTickets(Ticket) {
  const rows = await Ticket.findAll({ attributes: ['status', [fn('count', col('*')), 'n']], group: ['status'], raw: true });
  const byStatus = Object.fromEntries(STATUSES.map((status) => [status, 0]));
  for (const { status, n } of rows) byStatus[status] = Number(n);
  return { count: Object.values(byStatus).reduce((sum, n) => sum + n, 0), byStatus };
}

module.exports = { ticketRoutes };
