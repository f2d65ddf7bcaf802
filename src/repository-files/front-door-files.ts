import { frontDoorNode } from './front-door-node.ts';
import { frontDoorPython } from './front-door-python.ts';
import { frontDoorRuby } from './front-door-ruby.ts';
import type { FilesInput, RepositoryFiles } from './repository-files.ts';

/** With `traffic: front-door`: what lets the app trust the forwarder, and nobody else, about host, scheme and visitor. */
export function frontDoorFiles({ plan, facts }: FilesInput): RepositoryFiles {
  const nothing: RepositoryFiles = { files: [], checks: [], told: [], snippets: [] };
  if (plan.traffic !== 'front-door') return nothing;
  const why =
    'gives requests that come through the forwarder at Heroku their own host, scheme and client address back, when its signature is valid; without FRONT_DOOR_SECRET, as on Heroku, it does nothing';
  if (facts.rails !== null) {
    return {
      ...nothing,
      files: [{ path: 'config/initializers/front_door.rb', content: frontDoorRuby(true), why }],
    };
  }
  const language = plan.language ?? facts.languages[0]?.name;
  if (language === 'ruby') {
    return {
      ...nothing,
      files: [{ path: 'front_door.rb', content: frontDoorRuby(false), why }],
      checks: [
        'Use it before everything else, in `config.ru`: `require_relative "front_door"` and `use FrontDoor`.',
      ],
    };
  }
  if (language === 'node') {
    return {
      ...nothing,
      files: [{ path: 'front-door.cjs', content: frontDoorNode(), why }],
      checks: [
        'Load it first, at the top of the file that starts the web process: `require("./front-door.cjs")`, or `import "./front-door.cjs"` in an ES module. What is bundled must find it there, too.',
      ],
    };
  }
  if (language === 'python') {
    return {
      ...nothing,
      files: [{ path: 'front_door.py', content: frontDoorPython(), why }],
      checks: [
        'Wrap the application, as the last line of the module that the web process names: `import front_door` and `application = front_door.wsgi(application)`, or `front_door.asgi` for an ASGI server.',
      ],
    };
  }
  return {
    ...nothing,
    told: [
      `Nothing is proposed by which the app trusts the forwarder of \`traffic: front-door\`: it is written in ${language ?? 'a language that is not known'}. docs/front-door.md says what the header X-Front-Door holds and how it is verified.`,
    ],
  };
}
