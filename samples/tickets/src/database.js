'use strict';

const { Sequelize } = require('sequelize');

const { defineTicket } = require('./models/ticket');

/** The database and its models. Connects when first asked. */
function openDatabase(settings, log) {
  const sequelize = new Sequelize(settings.databaseUrl, {
    dialect: 'postgres',
    logging: (statement) => log.debug('sql', { statement }),
    pool: { max: 10, min: 0, acquire: 5_000, idle: 30_000 },
    dialectOptions: {
      application_name: `tickets ${settings.slot} ${settings.release}`,
      connectionTimeoutMillis: 3_000,
      statement_timeout: 15_000,
      keepAlive: true,
    },
  });
  return { sequelize, Ticket: defineTicket(sequelize), ping: () => sequelize.query('SELECT 1') };
}

module.exports = { openDatabase };
