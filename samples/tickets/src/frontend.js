'use strict';

const fs = require('node:fs');
const path = require('node:path');

const express = require('express');

const { RequestError } = require('./validation');

const BUILT = path.join(__dirname, '..', 'web', 'dist');

/** Serves what `npm run build` made. Its page is read once: a release never changes while it runs. */
function serveFrontend(app, folder = BUILT) {
  const index = path.join(folder, 'index.html');
  const page = fs.existsSync(index) ? fs.readFileSync(index) : null;

  // Names in assets/ carry a hash of their content. A missing one is missing: answering it with the page would make a
  // browser, and every cache on the way, keep HTML under the name of a script.
  const assets = { immutable: true, maxAge: '1y', index: false, redirect: false };
  app.use('/assets', express.static(path.join(folder, 'assets'), assets), () => {
    throw new RequestError(404, 'there is no such asset');
  });
  app.use(express.static(folder, { index: false, maxAge: '1h', redirect: false }));
  app.get('/{*path}', (request, response) => {
    // The addresses of pages have no dot; what has one is a file, and it is not here.
    if (request.path.includes('.')) throw new RequestError(404, 'there is no such file');
    if (!page) throw new RequestError(404, 'the frontend is not built: npm run build');
    response.set('Cache-Control', 'no-cache').type('html').send(page);
  });
  app.use(() => {
    throw new RequestError(404, 'there is no such address');
  });
}

module.exports = { serveFrontend };
