'use strict';

/** @type {import('sequelize-cli').Migration} */
module.exports = {
  up: (queryInterface, Sequelize) =>
    queryInterface.sequelize.transaction(async (transaction) => {
      const moment = { type: Sequelize.DATE, allowNull: false, defaultValue: Sequelize.fn('now') };
      await queryInterface.createTable(
        'tickets',
        {
          id: { type: Sequelize.BIGINT, primaryKey: true, autoIncrement: true },
          reference: { type: Sequelize.STRING(64), unique: true },
          title: { type: Sequelize.STRING(200), allowNull: false },
          body: { type: Sequelize.TEXT, allowNull: false, defaultValue: '' },
          requester: { type: Sequelize.STRING(100), allowNull: false, defaultValue: '' },
          priority: { type: Sequelize.STRING(16), allowNull: false, defaultValue: 'normal' },
          status: { type: Sequelize.STRING(16), allowNull: false, defaultValue: 'open' },
          created_at: moment,
          updated_at: moment,
        },
        { transaction },
      );
      await queryInterface.addIndex('tickets', ['status', 'id'], { transaction });
    }),

  down: (queryInterface) => queryInterface.dropTable('tickets'),
};
