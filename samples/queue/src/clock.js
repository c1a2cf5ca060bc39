'use strict';

const net = require('node:net');

const { applyFault, connect, release, stopWith } = require('./common');

applyFault('clock');

// Two clocks would do everything twice. So it is written down when there are two on a machine: this name can be had only once.
const ALONE = '\0windlass-sample-queue-clock';
const redis = connect();
const alone = net.createServer();
alone.on('error', async () => {
  await redis.rpush('ticks', `two at once: ${release}`);
  process.exit(1);
});
alone.listen(ALONE, async () => {
  await redis.rpush('ticks', `began ${release}`);
  setInterval(() => redis.set('now', Date.now()), 1_000);
  console.log('ticking');
});
stopWith(() => redis.rpush('ticks', `ended ${release}`));
