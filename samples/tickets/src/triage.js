'use strict';

// First match wins: the urgent ones stand at the top.
const RULES = Object.freeze([
  ['outage', /\b(down|outage|unreachable|50[0234]|crash(es|ed)?)\b/i],
  ['security', /\b(security|leak(ed)?|password|phishing|vulnerab\w+)\b/i],
  ['billing', /\b(invoice|billing|refund|charged?|payment)\b/i],
  ['access', /\b(log ?in|sign ?in|access|permission|account|locked)\b/i],
  ['performance', /\b(slow|timeout|latency|hangs?|performance)\b/i],
  ['bug', /\b(bug|error|broken|fails?|wrong|exception)\b/i],
]);

/** The label a ticket gets from its words. */
function labelFor({ title, body }) {
  const text = `${title}\n${body}`;
  return RULES.find(([, pattern]) => pattern.test(text))?.[0] ?? 'question';
}

module.exports = { labelFor };
