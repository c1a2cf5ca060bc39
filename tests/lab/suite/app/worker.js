// A worker that writes down that it lives, and which release it is of.
setInterval(() => console.log(`working for ${process.env.RELEASE}`), 1000);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
