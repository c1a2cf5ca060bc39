'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { describe, it } = require('node:test');

const { HARMLESS, applyAtStart, faultFor, parseFault, readFault } = require('../src/fault');

describe('parseFault', () => {
  it('is harmless when nothing is said', () => {
    assert.deepEqual(parseFault({}), { kind: 'none', process: 'all', startDelaySeconds: 0, crashAfterSeconds: null });
    assert.deepEqual(parseFault({ FAULT: '', START_DELAY_SECONDS: ' ' }, '{}'), HARMLESS);
  });

  it('reads the environment', () => {
    const environment = { FAULT: 'unhealthy', FAULT_IN: 'server', START_DELAY_SECONDS: '2', CRASH_AFTER_SECONDS: '0.5' };
    assert.deepEqual(parseFault(environment), {
      kind: 'unhealthy',
      process: 'server',
      startDelaySeconds: 2,
      crashAfterSeconds: 0.5,
    });
  });

  it('reads the file, with numbers as numbers or as text', () => {
    const fault = parseFault({}, '{"START_DELAY_SECONDS": 3, "CRASH_AFTER_SECONDS": "4"}');
    assert.equal(fault.startDelaySeconds, 3);
    assert.equal(fault.crashAfterSeconds, 4);
  });

  it('lets the environment win, key by key', () => {
    const fault = parseFault({ FAULT: 'never-ready', CRASH_AFTER_SECONDS: '' }, '{"FAULT": "throw", "CRASH_AFTER_SECONDS": 7}');
    assert.equal(fault.kind, 'never-ready');
    assert.equal(fault.crashAfterSeconds, 7);
  });

  it('refuses what it does not know', () => {
    assert.throws(() => parseFault({ FAULT: 'explode' }), /FAULT must be one of none, throw, never-ready, unhealthy/);
    assert.throws(() => parseFault({ FAULT_IN: 'browser' }), /FAULT_IN must be one of/);
    assert.throws(() => parseFault({}, '{"fault": "throw"}'), /fault\.json: unknown key fault/);
    assert.throws(() => parseFault({}, 'not json'), SyntaxError);
    assert.throws(() => parseFault({ CRASH_AFTER_SECONDS: 'soon' }), /CRASH_AFTER_SECONDS must be/);
  });
});

describe('faultFor', () => {
  it('spares the processes that are not meant', () => {
    const fault = parseFault({ FAULT: 'throw', FAULT_IN: 'worker' });
    assert.equal(faultFor('worker', fault), fault);
    assert.equal(faultFor('server', fault), HARMLESS);
  });
});

describe('readFault', () => {
  it('takes the file when there is one', (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tickets-fault-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'fault.json');
    assert.deepEqual(readFault('server', {}, file), HARMLESS);
    fs.writeFileSync(file, '{"FAULT": "throw"}');
    assert.equal(readFault('server', {}, file).kind, 'throw');
  });
});

describe('applyAtStart', () => {
  it('throws when told to, and says that it was told to', async () => {
    const lines = [];
    const log = { warn: (message) => lines.push(message) };
    await assert.rejects(applyAtStart(parseFault({ FAULT: 'throw' }), log), /told to throw at load/);
    await applyAtStart(HARMLESS, log);
    assert.deepEqual(lines, ['told to misbehave']);
  });
});
