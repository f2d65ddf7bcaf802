/** The variable that names, as JSON, where to knock. */
export const TARGETS = 'PROBE_TARGETS';

/** What the app says when a server behind an address has answered; anything else is why it has not. */
export const ANSWERED = 'answered';

/**
 * Runs in the app: asked for its front page it knocks at both addresses and says who answered. Postgres is asked for TLS as
 * every client asks it, Redis for a TLS handshake: a port that is merely open is no answer. Without any single quote.
 */
export const REACH_PROGRAM = `
const http = require("node:http"), net = require("node:net"), tls = require("node:tls");
const targets = JSON.parse(process.env.${TARGETS});
const at = (text) => ({ host: text.slice(0, text.lastIndexOf(":")), port: Number(text.slice(text.lastIndexOf(":") + 1)) });
const within = (socket, start) => new Promise((resolve) => {
  const end = (word) => { socket.destroy(); resolve(word); };
  socket.setTimeout(5000, () => end("no answer within 5 s"));
  socket.once("error", (error) => end(error.code || error.message));
  socket.once("close", () => end("closed without an answer"));
  start(end);
});
const postgres = () => { const socket = net.connect(at(targets.postgres)); return within(socket, (end) => {
  socket.once("connect", () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])));
  socket.once("data", (data) => end(data[0] === 83 ? "${ANSWERED}" : "no TLS"));
}); };
const redis = () => { const socket = tls.connect({ ...at(targets.redis), rejectUnauthorized: false }); return within(socket, (end) => {
  socket.once("secureConnect", () => end("${ANSWERED}"));
}); };
http.createServer(async (request, response) => {
  if (request.url === "/health") return response.end("ok");
  response.end(JSON.stringify({ postgres: await postgres(), redis: await redis() }));
}).listen(Number(process.env.PORT || 8080));
`
  .replaceAll('\n', ' ')
  .trim();
