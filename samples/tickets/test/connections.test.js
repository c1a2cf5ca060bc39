'use strict';

const assert = require('node:assert/strict');
const http = require('node:http');
const { once } = require('node:events');
const { describe, it } = require('node:test');

const express = require('express');

const { Connections } = require('../src/connections');

/** A server whose only answer is given by the test; `live` stands for socket.io, which closes the server with itself. */
async function serve(answer) {
  const connections = new Connections();
  const app = express();
  app.use(connections.track());
  const asked = new Promise((resolve) => app.get('/', (_request, response) => resolve(answer(response) ?? response)));
  const server = http.createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const live = { close: () => new Promise((resolve) => server.close(resolve)) };
  const agent = new http.Agent({ keepAlive: true });
  const get = () => new Promise((resolve, reject) => {
    http.get({ port: server.address().port, host: '127.0.0.1', agent }, resolve).on('error', reject);
  });
  return { asked, agent, get, close: () => connections.close(server, live) };
}

async function textOf(response) {
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  return text;
}

describe('Connections', () => {
  it('finishes the request in hand and hangs up after it', async () => {
    const { asked, get, close } = await serve(() => {});
    const answered = get();
    const response = await asked;
    const closed = close();
    response.send('whole');
    const answer = await answered;
    assert.equal(answer.headers.connection, 'close');
    assert.equal(await textOf(answer), 'whole');
    await closed;
  });

  it('closes a connection that was promised to be kept once it is idle', async (t) => {
    const { asked, agent, get, close } = await serve((response) => void response.write('first '));
    t.after(() => agent.destroy());
    const answered = get();
    const response = await asked;
    const answer = await answered;
    assert.equal(answer.headers.connection, 'keep-alive');
    const closed = close();
    response.end('last');
    assert.equal(await textOf(answer), 'first last');
    await closed;
  });
});
