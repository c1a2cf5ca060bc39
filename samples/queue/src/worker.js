'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

const { Worker } = require('bullmq');

const { applyFault, connect, history, release, stopWith } = require('./common');

applyFault('worker');

const name = process.env.QUEUE;
const redis = connect();

/** A job takes as long as it says. One that was cut off begins again; then there is only the rest to do, which takes no time. */
async function work(job) {
  const key = history(`${name}-${job.id}`);
  const times = await redis.rpush(key, `began ${release}`);
  if (times === 1) await sleep(job.data.seconds * 1000);
  await redis.rpush(key, `ended ${release}`);
}

// A job whose worker died is given to another one as soon as nobody has said for `lockDuration` that it is still being worked on.
const worker = new Worker(name, work, { connection: connect(), lockDuration: 3_000, stalledInterval: 1_500 });
worker.on('failed', (job, error) => console.error(`job ${job?.id} failed: ${error.message}`));
worker.on('error', (error) => console.error(error.message));
worker.on('ready', () => console.log(`waiting for ${name}`));
stopWith(() => worker.close()); // takes no more jobs, and waits for the one in hand
