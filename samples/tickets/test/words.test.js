'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');

const { createLog, explain } = require('../src/log');
const { labelFor } = require('../src/triage');

describe('labelFor', () => {
  const expected = {
    'The shop is down': 'outage',
    'Gateway answers 502': 'outage',
    'Password leaked in a mail': 'security',
    'I was charged twice': 'billing',
    'Cannot sign in': 'access',
    'Export is slow': 'performance',
    'Totals are wrong': 'bug',
    'How do I add a colleague?': 'question',
    'Download of the report': 'question',
  };
  for (const [title, label] of Object.entries(expected)) {
    it(`${title}: ${label}`, () => assert.equal(labelFor({ title, body: '' }), label));
  }

  it('reads the body too', () => assert.equal(labelFor({ title: 'Help', body: 'my invoice' }), 'billing'));
});

describe('createLog', () => {
  it('writes one JSON line per message from its level up', () => {
    const lines = [];
    const log = createLog('info', { slot: 'blue' }, (line) => lines.push(line));
    log.debug('unseen');
    log.warn('seen', { error: new Error('boom') });
    assert.equal(lines.length, 1);
    assert.ok(lines[0].endsWith('}\n'));
    const { level, message, slot, error } = JSON.parse(lines[0]);
    assert.deepEqual([level, message, slot, error.message], ['warn', 'seen', 'blue', 'boom']);
  });
});

describe('explain', () => {
  it('finds the reason in an error without a message', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED ::1:5432'), { code: 'ECONNREFUSED' });
    const wrapped = Object.assign(new Error(''), { original: new AggregateError([refused]) });
    assert.equal(explain(wrapped), 'connect ECONNREFUSED ::1:5432');
    assert.equal(explain(Object.assign(new Error(''), { code: 'ETIMEDOUT' })), 'ETIMEDOUT');
  });
});
