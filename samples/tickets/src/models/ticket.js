'use strict';

const { DataTypes } = require('sequelize');

const STATUSES = Object.freeze(['open', 'in_progress', 'done']);
const PRIORITIES = Object.freeze(['low', 'normal', 'high']);

function defineTicket(sequelize) {
  return sequelize.define(
    'Ticket',
    {
      id: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true, get: idAsNumber },
      reference: { type: DataTypes.STRING(64), unique: true },
      title: { type: DataTypes.STRING(200), allowNull: false },
      body: { type: DataTypes.TEXT, allowNull: false, defaultValue: '' },
      requester: { type: DataTypes.STRING(100), allowNull: false, defaultValue: '' },
      priority: { type: DataTypes.STRING(16), allowNull: false, defaultValue: 'normal' },
      status: { type: DataTypes.STRING(16), allowNull: false, defaultValue: 'open' },
      label: { type: DataTypes.STRING(32) },
      triagedAt: { type: DataTypes.DATE },
      triagedBy: { type: DataTypes.STRING(128) },
    },
    { tableName: 'tickets', underscored: true },
  );
}

// The driver hands BIGINT over as text; these ids stay far below the largest exact number.
function idAsNumber() {
  const id = this.getDataValue('id');
  return id === null || id === undefined ? id : Number(id);
}

module.exports = { PRIORITIES, STATUSES, defineTicket };
