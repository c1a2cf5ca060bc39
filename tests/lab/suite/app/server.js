// A server without dependencies that does what the tests need: answers who it is, is slow on request, breaks as told.
const fs = require('node:fs');
const http = require('node:http');

const fault = JSON.parse(fs.readFileSync('fault.json', 'utf8'));
if (fault.kind === 'throw') throw new Error('this release cannot start: no such module as ./plan-b');
if (fault.kind === 'crash') setTimeout(() => { console.error('out of luck'); process.exit(1); }, fault.after * 1000);
// Nothing is wrong with it until it serves, or until a file is there.
const live = () => fs.existsSync('/srv/tiny/live') && fs.readlinkSync('/srv/tiny/live').endsWith(process.env.SLOT);
const late = () => (fault.when ? fs.existsSync(fault.when) : live());
if (fault.kind === 'late') setInterval(() => { if (late()) { console.error('out of luck once more'); process.exit(1); } }, 50);

const headers = { 'content-type': 'application/json', 'x-release': process.env.RELEASE };
const waiting = []; // requests that are answered only when this process is told to stop
const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost');
  const seconds = Number(url.searchParams.get('seconds') ?? 0);
  const sick = fault.kind === 'sick' && url.pathname === '/healthz';
  const body = { release: process.env.RELEASE, slot: process.env.SLOT, pid: process.pid, greeting: process.env.GREETING };
  const answer = () => {
    response.writeHead(sick ? 503 : 200, headers);
    response.end(JSON.stringify(sick ? { reason: 'the database is away' } : body));
  };
  if (url.searchParams.get('until') === 'stop') waiting.push(answer);
  else setTimeout(answer, seconds * 1000);
});

const deaf = fault.kind === 'deaf' && fs.existsSync(fault.when); // it served before, and no longer does when it is started anew
if (fault.kind !== 'never' && !deaf) server.listen(process.env.PORT, () => console.log('listening'));
else setInterval(() => console.log('still not ready'), 500);

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => { waiting.forEach((answer) => answer()); server.close(() => process.exit(0)); server.closeIdleConnections(); });
}
