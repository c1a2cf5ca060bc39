'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { isDeepStrictEqual } = require('node:util');

const { parseSeconds } = require('./settings');

const KINDS = ['none', 'throw', 'never-ready', 'unhealthy'];
const PROCESSES = ['all', 'server', 'worker'];
const KEYS = ['FAULT', 'FAULT_IN', 'START_DELAY_SECONDS', 'CRASH_AFTER_SECONDS'];
const FILE = path.join(__dirname, '..', 'fault.json');

function choice(values, name, choices) {
  const value = String(values[name] ?? '').trim() || choices[0];
  if (!choices.includes(value)) {
    throw new RangeError(`${name} must be one of ${choices.join(', ')}, not "${value}"`);
  }
  return value;
}

function filled(values) {
  return Object.fromEntries(KEYS.filter((key) => String(values[key] ?? '').trim()).map((key) => [key, values[key]]));
}

/**
 * What this release is told to do wrong. Its own fault.json (given as text, or undefined) says it for a whole release,
 * the environment says it for one process and wins.
 */
function parseFault(environment, text) {
  const file = text === undefined ? {} : JSON.parse(text);
  const unknown = Object.keys(file).filter((key) => !KEYS.includes(key));
  if (unknown.length > 0) throw new RangeError(`fault.json: unknown key ${unknown.join(', ')}`);
  const values = { ...filled(file), ...filled(environment) };
  return Object.freeze({
    kind: choice(values, 'FAULT', KINDS),
    process: choice(values, 'FAULT_IN', PROCESSES),
    startDelaySeconds: parseSeconds(values, 'START_DELAY_SECONDS', 0),
    crashAfterSeconds: parseSeconds(values, 'CRASH_AFTER_SECONDS', null),
  });
}

const HARMLESS = parseFault({});

/** The fault as it concerns one process, "server" or "worker". */
function faultFor(processName, fault) {
  return fault.process === 'all' || fault.process === processName ? fault : HARMLESS;
}

function readFault(processName, environment = process.env, file = FILE) {
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
  return faultFor(processName, parseFault(environment, text));
}

/** Acts out what happens before a process does anything else: a throw at load, a slow start. */
async function applyAtStart(fault, log) {
  if (!isDeepStrictEqual(fault, HARMLESS)) log.warn('told to misbehave', { fault });
  if (fault.kind === 'throw') throw new Error('told to throw at load (FAULT=throw)');
  if (fault.startDelaySeconds > 0) {
    await new Promise((resolve) => setTimeout(resolve, fault.startDelaySeconds * 1000));
  }
}

/** Acts out a crash some time after the process got ready. */
function applyWhenReady(fault) {
  if (fault.crashAfterSeconds === null) return;
  setTimeout(() => {
    throw new Error(`told to crash ${fault.crashAfterSeconds} seconds after the start (CRASH_AFTER_SECONDS)`);
  }, fault.crashAfterSeconds * 1000);
}

module.exports = { HARMLESS, applyAtStart, applyWhenReady, faultFor, parseFault, readFault };
