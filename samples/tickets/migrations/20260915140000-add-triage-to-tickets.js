'use strict';

// Additive: the release before this one goes on working on the new schema, so both may run side by side.

/** @type {import('sequelize-cli').Migration} */
module.exports = {
  up: (queryInterface, Sequelize) =>
    queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.addColumn('tickets', 'label', { type: Sequelize.STRING(32) }, { transaction });
      await queryInterface.addColumn('tickets', 'triaged_at', { type: Sequelize.DATE }, { transaction });
      await queryInterface.addColumn('tickets', 'triaged_by', { type: Sequelize.STRING(128) }, { transaction });
    }),

  down: (queryInterface) =>
    queryInterface.sequelize.transaction(async (transaction) => {
      for (const column of ['triaged_by', 'triaged_at', 'label']) {
        await queryInterface.removeColumn('tickets', column, { transaction });
      }
    }),
};
