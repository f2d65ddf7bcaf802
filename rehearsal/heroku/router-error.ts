/** Errors of Heroku's router: code, what its log says (devcenter "Heroku error codes"), and the status for the client. */
export const routerErrors = {
  H10: { status: 503, text: 'App crashed' },
  H12: { status: 503, text: 'Request timeout' },
  H13: { status: 503, text: 'Connection closed without response' },
  H14: { status: 503, text: 'No web processes running' },
  H15: { status: 503, text: 'Idle connection' },
  H18: { status: 503, text: 'Server Request Interrupted' },
  H20: { status: 503, text: 'App boot timeout' },
  H21: { status: 503, text: 'Backend connection refused' },
  H80: { status: 503, text: 'Maintenance mode' },
} as const;

export type RouterErrorCode = keyof typeof routerErrors;

/** The page for the client. Heroku's pages do not name the code; ours does, in a comment, for whoever debugs a rehearsal. */
export function errorPage(code: RouterErrorCode | 'no-app'): string {
  const [title, text] =
    code === 'H80'
      ? [
          'Offline for Maintenance',
          'This application is undergoing maintenance right now. Please check back later.',
        ]
      : code === 'no-app'
        ? ['No such app', 'There is nothing here yet.']
        : ['Application Error', 'An error occurred in the application and your page could not be served.'];
  return `<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>${title}</title></head>
<body><h1>${title}</h1><p>${text}</p><!-- ${code} --></body></html>
`;
}
