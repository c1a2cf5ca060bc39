'use strict';

const LEVELS = ['debug', 'info', 'warn', 'error'];

function describe(value) {
  if (!(value instanceof Error)) return value;
  return { name: value.name, message: explain(value), stack: value.stack };
}

/** The most telling one-line reason in an error: connection errors often come with an empty message. */
function explain(error) {
  const cause = error.original ?? error.parent ?? error;
  const inner = cause.errors?.[0] ?? cause;
  return inner.message || inner.code || error.message || error.name;
}

/** A logger that writes one JSON object per line; `common` goes into every line. */
function createLog(level, common, write = (line) => process.stdout.write(line)) {
  const threshold = LEVELS.indexOf(level);
  const at = (name) => (message, details = {}) => {
    if (LEVELS.indexOf(name) < threshold) return;
    const rest = Object.fromEntries(Object.entries(details).map(([key, value]) => [key, describe(value)]));
    write(`${JSON.stringify({ time: new Date().toISOString(), level: name, message, ...common, ...rest })}\n`);
  };
  return Object.freeze(Object.fromEntries(LEVELS.map((name) => [name, at(name)])));
}

module.exports = { createLog, explain };
