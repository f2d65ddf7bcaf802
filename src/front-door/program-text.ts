/** The forwarder's program: made by `npm run docs` from program/, which is what to read and to change. */
export const SERVER = '';
