'use strict';

const { openDatabase } = require('../src/database');
const { createLog } = require('../src/log');

const MOST = 10_000_000;

// One statement, made in the database: as quick for a million rows as for ten. The reference makes it harmless to run twice.
const SEED = `
  INSERT INTO tickets (reference, title, body, requester, priority, status, label, triaged_at, triaged_by, created_at, updated_at)
  SELECT 'SEED-' || n,
         subjects[1 + n % cardinality(subjects)] || ' ' || places[1 + n % cardinality(places)],
         'Seen ' || 1 + n % 9 || ' times since ' || to_char(born, 'YYYY-MM-DD') || '. ' || repeat('More is in the attached log. ', n % 5),
         people[1 + n / 3 % cardinality(people)],
         (ARRAY['normal', 'normal', 'low', 'normal', 'high'])[1 + n % 5],
         (ARRAY['done', 'open', 'done', 'in_progress', 'done', 'done', 'open'])[1 + n % 7],
         labels[1 + n % cardinality(labels)], born, 'seed', born, born
  FROM (SELECT n, now() - ($1 - n + 1) * interval '7 minutes' AS born,
               ARRAY['Login fails', 'Page is slow', 'Invoice is wrong', 'Export hangs', 'Mail never arrives', 'Search finds nothing'] AS subjects,
               ARRAY['access', 'performance', 'billing', 'performance', 'question', 'bug'] AS labels,
               ARRAY['on the phone', 'in the shop', 'for one customer', 'after the update', 'every Monday', 'in the archive', 'at night'] AS places,
               ARRAY['Ada', 'Boris', 'Chidi', 'Dana', 'Emre', 'Freya', 'Goran', 'Hana'] AS people
        FROM generate_series(1, $1) AS n) AS source
  ON CONFLICT (reference) DO NOTHING`;

function wanted(argument) {
  const count = Number(argument ?? 1_000);
  if (!Number.isInteger(count) || count < 1 || count > MOST) {
    throw new RangeError(`the number of tickets must be a whole number from 1 to ${MOST}, not "${argument}"`);
  }
  return count;
}

async function main() {
  const count = wanted(process.argv[2] ?? process.env.SEED_COUNT);
  const settings = { databaseUrl: process.env.DATABASE_URL, slot: 'none', release: 'seed' };
  if (!settings.databaseUrl) throw new RangeError('DATABASE_URL is missing');
  const { sequelize, Ticket } = openDatabase(settings, createLog('warn', { process: 'seed' }));
  try {
    const inserted = await sequelize.transaction(async (transaction) => {
      await sequelize.query('SET LOCAL statement_timeout = 0', { transaction });
      const [, rows] = await sequelize.query(SEED, { bind: [count], type: 'INSERT', transaction });
      return rows;
    });
    console.log(JSON.stringify({ asked: count, inserted, total: await Ticket.count() }));
  } finally {
    await sequelize.close();
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
