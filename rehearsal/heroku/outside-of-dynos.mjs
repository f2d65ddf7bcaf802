// Loaded into every Node process of a dyno: the public names that a program connects to lead where the rehearsal's own
// resolver says, so that code which is meant for Heroku runs here as it is, without root and without port 443.
import { get } from 'node:http';
import { isIP, Socket } from 'node:net';

const resolver = process.env.REHEARSAL_RESOLVER ?? '';
const connect = Socket.prototype.connect;

Socket.prototype.connect = function connectByName(...given) {
  // Node hands on what it has put in order as one array: options, callback.
  const [options, callback] = Array.isArray(given[0]) ? given[0] : given;
  const host = options?.host;
  if (resolver === '' || typeof host !== 'string' || host === 'localhost' || isIP(host) !== 0)
    return connect.apply(this, given);
  // What is written meanwhile waits, as while a name is looked up.
  this.connecting = true;
  resolve(host, options.port).then(
    (place) => {
      if (!this.destroyed) connect.call(this, { ...options, ...place }, callback ?? undefined);
    },
    (error) => this.destroy(error),
  );
  return this;
};

function resolve(host, port) {
  return new Promise((done, fail) => {
    const unknown = () =>
      fail(Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' }));
    get(`${resolver}?host=${encodeURIComponent(host)}&port=${port}`, { agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part) => (text += part));
      answer.on('end', () => (answer.statusCode === 200 ? done(JSON.parse(text)) : unknown()));
      answer.on('error', unknown);
    }).on('error', unknown);
  });
}
