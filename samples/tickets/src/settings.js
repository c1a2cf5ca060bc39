'use strict';

const SLOTS = ['blue', 'green'];
const LEVELS = ['debug', 'info', 'warn', 'error'];
const RELEASE_PATTERN = /^[A-Za-z0-9][\w.+@-]{0,99}$/;
const LONGEST_SOCKET_PATH = 107; // bytes that sockaddr_un holds on Linux, less the closing zero

/** Settings that cannot be used; lists every fault, so that one look at the log is enough. */
class SettingsError extends Error {
  constructor(faults) {
    super(`the environment is not usable: ${faults.join('; ')}`);
    this.name = 'SettingsError';
    this.faults = faults;
  }
}

/** Where to listen: PORT is a TCP port number or the absolute path of a unix socket. */
function parseListen(environment) {
  const port = (environment.PORT ?? '').trim() || '3000';
  if (port.startsWith('/')) {
    if (Buffer.byteLength(port) > LONGEST_SOCKET_PATH) {
      throw new RangeError(`PORT is a socket path longer than ${LONGEST_SOCKET_PATH} bytes: ${port}`);
    }
    return Object.freeze({ kind: 'socket', path: port });
  }
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) {
    throw new RangeError(`PORT must be a port number or the absolute path of a unix socket, not "${port}"`);
  }
  return Object.freeze({ kind: 'tcp', port: Number(port), host: (environment.HOST ?? '').trim() || '127.0.0.1' });
}

function parseUrl(environment, name, protocols) {
  const value = (environment[name] ?? '').trim();
  if (!value) throw new RangeError(`${name} is missing`);
  // The value may hold a password: messages name the variable only.
  const protocol = URL.canParse(value) ? new URL(value).protocol : '';
  if (!protocols.includes(protocol)) throw new RangeError(`${name} must start with ${protocols[0]}//`);
  return value;
}

function parseChoice(environment, name, choices, fallback) {
  const value = (environment[name] ?? '').trim() || fallback;
  if (value !== fallback && !choices.includes(value)) {
    throw new RangeError(`${name} must be one of ${choices.join(', ')}, not "${value}"`);
  }
  return value;
}

function parseRelease(environment) {
  const value = (environment.RELEASE ?? '').trim() || 'development';
  if (!RELEASE_PATTERN.test(value)) throw new RangeError(`RELEASE must match ${RELEASE_PATTERN}, not "${value}"`);
  return value;
}

function parseSeconds(environment, name, fallback) {
  const value = String(environment[name] ?? '').trim();
  if (!value) return fallback;
  const seconds = Number(value);
  if (!Number.isFinite(seconds) || seconds < 0 || seconds > 86_400) {
    throw new RangeError(`${name} must be a number of seconds from 0 to 86400, not "${value}"`);
  }
  return seconds;
}

/** Everything the environment decides. Throws a SettingsError that lists all faults at once. */
function readSettings(environment) {
  const faults = [];
  const attempt = (read) => {
    try {
      return read();
    } catch (error) {
      faults.push(error.message);
      return undefined;
    }
  };
  const settings = {
    databaseUrl: attempt(() => parseUrl(environment, 'DATABASE_URL', ['postgres:', 'postgresql:'])),
    redisUrl: attempt(() => parseUrl(environment, 'REDIS_URL', ['redis:', 'rediss:'])),
    listen: attempt(() => parseListen(environment)),
    release: attempt(() => parseRelease(environment)),
    slot: attempt(() => parseChoice(environment, 'SLOT', SLOTS, 'none')),
    logLevel: attempt(() => parseChoice(environment, 'LOG_LEVEL', LEVELS, 'info')),
    shutdownSeconds: attempt(() => parseSeconds(environment, 'SHUTDOWN_SECONDS', 25)),
    triageSeconds: attempt(() => parseSeconds(environment, 'TRIAGE_SECONDS', 1.5)),
  };
  if (faults.length > 0) throw new SettingsError(faults);
  return Object.freeze(settings);
}

module.exports = { SettingsError, parseListen, parseSeconds, readSettings };
