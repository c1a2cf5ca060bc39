'use strict';

const http = require('node:http');

const { Queue } = require('bullmq');

const { applyFault, connect, history, release, stopWith } = require('./common');

applyFault('web');

const redis = connect();
const queues = new Map(['reports', 'exports'].map((name) => [name, new Queue(name, { connection: redis })]));

/** `POST /reports?seconds=20` asks for a job, `GET /reports/7` tells its history, `GET /ticks` the clock's. */
async function answer({ method, url }) {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  const [, name, id] = pathname.split('/');
  if (name === 'healthz') return { release };
  if (name === 'ticks') return redis.lrange('ticks', 0, -1);
  if (!queues.has(name)) return null;
  if (id) return redis.lrange(history(`${name}-${id}`), 0, -1);
  if (method !== 'POST') return null;
  const job = await queues.get(name).add('work', { seconds: Number(searchParams.get('seconds') ?? 0) });
  return { id: job.id };
}

const server = http.createServer(async (request, response) => {
  const [status, body] = await answer(request).then(
    (found) => (found === null ? [404, { reason: 'there is no such thing here' }] : [200, found]),
    (error) => [500, { reason: error.message }],
  );
  response.writeHead(status, { 'content-type': 'application/json', 'x-release': release });
  response.end(JSON.stringify(body));
});

server.listen(process.env.PORT, () => console.log('listening'));
stopWith(() => {
  server.closeIdleConnections();
  return new Promise((resolve) => server.close(resolve));
});
