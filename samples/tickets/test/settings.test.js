'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');

const { SettingsError, parseListen, parseSeconds, readSettings } = require('../src/settings');

const COMPLETE = { DATABASE_URL: 'postgres://u:p@db.example/tickets', REDIS_URL: 'redis://127.0.0.1:6379/0' };

describe('parseListen', () => {
  it('takes a number as a TCP port on loopback', () => {
    assert.deepEqual(parseListen({ PORT: '8080' }), { kind: 'tcp', port: 8080, host: '127.0.0.1' });
  });

  it('takes HOST for a TCP port', () => {
    assert.deepEqual(parseListen({ PORT: '8080', HOST: '192.0.2.7' }), { kind: 'tcp', port: 8080, host: '192.0.2.7' });
  });

  it('falls back to 3000 when PORT is missing or blank', () => {
    assert.equal(parseListen({}).port, 3000);
    assert.equal(parseListen({ PORT: ' ' }).port, 3000);
  });

  it('takes an absolute path as a unix socket, whatever HOST says', () => {
    assert.deepEqual(parseListen({ PORT: '/run/tickets/blue.sock', HOST: '192.0.2.7' }), {
      kind: 'socket',
      path: '/run/tickets/blue.sock',
    });
  });

  it('takes the longest path that a socket can have, and no longer one', () => {
    assert.equal(parseListen({ PORT: `/${'a'.repeat(106)}` }).kind, 'socket');
    assert.throws(() => parseListen({ PORT: `/${'a'.repeat(107)}` }), /longer than 107 bytes/);
    assert.throws(() => parseListen({ PORT: `/${'é'.repeat(54)}` }), /longer than 107 bytes/);
  });

  for (const port of ['65536', '-1', '80.5', 'http', 'run/blue.sock', '0x50']) {
    it(`refuses ${port}`, () => {
      assert.throws(() => parseListen({ PORT: port }), { name: 'RangeError', message: /^PORT must be/ });
    });
  }
});

describe('parseSeconds', () => {
  it('takes fractions and zero, and falls back when blank', () => {
    assert.equal(parseSeconds({ WAIT: '0.25' }, 'WAIT', 9), 0.25);
    assert.equal(parseSeconds({ WAIT: '0' }, 'WAIT', 9), 0);
    assert.equal(parseSeconds({ WAIT: '' }, 'WAIT', 9), 9);
    assert.equal(parseSeconds({}, 'WAIT', null), null);
  });

  for (const given of ['-1', 'soon', '86401', 'Infinity']) {
    it(`refuses ${given}`, () => assert.throws(() => parseSeconds({ WAIT: given }, 'WAIT', 9), /^RangeError: WAIT must be/));
  }
});

describe('readSettings', () => {
  it('fills in what is not given', () => {
    assert.deepEqual(readSettings(COMPLETE), {
      databaseUrl: COMPLETE.DATABASE_URL,
      redisUrl: COMPLETE.REDIS_URL,
      listen: { kind: 'tcp', port: 3000, host: '127.0.0.1' },
      release: 'development',
      slot: 'none',
      logLevel: 'info',
      shutdownSeconds: 25,
      triageSeconds: 1.5,
    });
  });

  it('takes release and slot', () => {
    const settings = readSettings({ ...COMPLETE, RELEASE: '20261120-a1b2c3d', SLOT: 'green' });
    assert.equal(settings.release, '20261120-a1b2c3d');
    assert.equal(settings.slot, 'green');
  });

  it('lists every fault at once', () => {
    const environment = { DATABASE_URL: 'mysql://db.example/x', SLOT: 'red', RELEASE: 'a\nb', PORT: 'x', LOG_LEVEL: 'loud' };
    assert.throws(
      () => readSettings(environment),
      (error) => {
        assert.ok(error instanceof SettingsError);
        const names = error.faults.map((fault) => fault.split(' ')[0]);
        assert.deepEqual(names, ['DATABASE_URL', 'REDIS_URL', 'PORT', 'RELEASE', 'SLOT', 'LOG_LEVEL']);
        return true;
      },
    );
  });

  it('never repeats an address, which may hold a password', () => {
    assert.throws(
      () => readSettings({ DATABASE_URL: 'mysql://u:hunter2@db.example/x', REDIS_URL: 'hunter2' }),
      (error) => !error.message.includes('hunter2'),
    );
  });
});
