'use strict';

// sequelize-cli looks its settings up under NODE_ENV; every environment is configured by DATABASE_URL alone.
module.exports = {
  [process.env.NODE_ENV || 'development']: { use_env_variable: 'DATABASE_URL', dialect: 'postgres' },
};
