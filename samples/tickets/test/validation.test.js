'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');

const { RequestError, listQuery, newTicket, slowSeconds, ticketChange, ticketId } = require('../src/validation');

function faultsOf(action) {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof RequestError);
    assert.equal(error.status, 400);
    return error.faults.map(({ field, fault }) => `${field} ${fault}`);
  }
  return assert.fail('nothing was refused');
}

describe('newTicket', () => {
  it('trims and keeps the fields that were given', () => {
    assert.deepEqual(newTicket({ title: '  Login fails ', priority: 'high' }), { title: 'Login fails', priority: 'high' });
  });

  it('names every field at fault', () => {
    const input = { titel: 'x', priority: 'huge', body: 7, requester: 'y'.repeat(101), status: 'done' };
    assert.deepEqual(faultsOf(() => newTicket(input)), [
      'titel is not a field that can be set',
      'priority must be one of low, normal, high',
      'body must be text',
      'requester must have at most 100 characters',
      'status is not a field that can be set',
      'title is missing',
    ]);
  });

  it('refuses a blank title, one that is too long, and a zero character', () => {
    assert.deepEqual(faultsOf(() => newTicket({ title: '  ' })), ['title must not be empty']);
    assert.deepEqual(faultsOf(() => newTicket({ title: 'x'.repeat(201) })), ['title must have at most 200 characters']);
    assert.deepEqual(faultsOf(() => newTicket({ title: 'a\0b' })), ['title must not hold a zero character']);
  });

  it('takes a title of exactly the longest length', () => {
    assert.equal(newTicket({ title: 'x'.repeat(200) }).title.length, 200);
  });

  for (const input of [undefined, null, 'text', ['title'], 7]) {
    it(`refuses ${JSON.stringify(input)} as a body`, () => {
      assert.throws(() => newTicket(input), { name: 'RequestError', message: 'the body must be a JSON object' });
    });
  }

  it('does not take inherited names for fields', () => {
    assert.deepEqual(faultsOf(() => newTicket(JSON.parse('{"title": "x", "__proto__": 1, "constructor": 2}'))), [
      '__proto__ is not a field that can be set',
      'constructor is not a field that can be set',
    ]);
  });
});

describe('ticketChange', () => {
  it('takes a status', () => assert.deepEqual(ticketChange({ status: 'in_progress' }), { status: 'in_progress' }));

  it('refuses an unknown status and an empty change', () => {
    assert.deepEqual(faultsOf(() => ticketChange({ status: 'closed' })), ['status must be one of open, in_progress, done']);
    assert.throws(() => ticketChange({}), { status: 400, message: 'there is nothing to change' });
  });
});

describe('listQuery', () => {
  it('falls back to the newest fifty of all', () => {
    assert.deepEqual(listQuery({}), { status: undefined, limit: 50, before: undefined });
  });

  it('reads what is asked for', () => {
    assert.deepEqual(listQuery({ status: 'done', limit: '200', before: '7' }), { status: 'done', limit: 200, before: 7 });
  });

  for (const query of [{ limit: '0' }, { limit: '201' }, { limit: '1e2' }, { before: '0' }, { status: 'x' }, { limit: ['1', '2'] }]) {
    it(`refuses ${JSON.stringify(query)}`, () => assert.throws(() => listQuery(query), { status: 400 }));
  }
});

describe('ticketId', () => {
  it('takes whole numbers from one', () => assert.equal(ticketId('42'), 42));

  for (const given of ['0', '-1', 'x', '1.5', '9'.repeat(16), '']) {
    it(`refuses "${given}"`, () => assert.throws(() => ticketId(given), { status: 400 }));
  }
});

describe('slowSeconds', () => {
  it('takes up to a minute and falls back to a second', () => {
    assert.equal(slowSeconds({}), 1);
    assert.equal(slowSeconds({ seconds: '60' }), 60);
    assert.equal(slowSeconds({ seconds: '0.2' }), 0.2);
  });

  for (const seconds of ['61', '-1', 'x', ['1', '2']]) {
    it(`refuses ${JSON.stringify(seconds)}`, () => assert.throws(() => slowSeconds({ seconds }), { status: 400 }));
  }
});
