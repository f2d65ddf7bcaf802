import { findNamed } from '../catalogue.ts';
import type { Collaborator, Platform, App } from '../platform.ts';
import { appIdentity } from './app.ts';
import { notFound } from './refusal.ts';
import { list, read, type Call, type Route } from './route.ts';
import { identity, time, times } from './view.ts';

/** The account, who else may work on its apps, its teams, and how many requests it has left. */
export const accountRoutes: Route[] = [
  read('/account', ({ platform }) => accountView(platform), { need: 'identity' }),
  read('/users/:user', ({ platform }) => accountView(platform), { need: 'identity' }),
  read('/account/rate-limits', ({ rateLimit }) => ({ remaining: rateLimit.remaining() }), {
    need: 'public',
    free: true,
  }),
  list('/apps/:app/collaborators', ({ app }) => app.collaborators.map((one) => collaboratorView(app, one))),
  list('/teams/apps/:app/collaborators', ({ app }) =>
    app.collaborators.map((one) => collaboratorView(app, one)),
  ),
  read('/apps/:app/collaborators/:collaborator', ({ app, params }) => {
    const wanted = params['collaborator'] ?? '';
    const found = app.collaborators.find(({ id, user }) => [id, user.id, user.email].includes(wanted));
    if (!found) throw notFound('collaborator');
    return collaboratorView(app, found);
  }),
  list('/teams', ({ platform }) => platform.teams.map(teamView)),
  read('/teams/:team', (call) => teamView(teamOf(call))),
  list('/teams/:team/members', (call) => {
    teamOf(call);
    return [memberView(call.platform)];
  }),
];

function accountView({ account }: Platform): unknown {
  return {
    allow_tracking: false,
    beta: false,
    ...times({ createdAt: account.createdAt, updatedAt: account.createdAt }),
    email: account.email,
    federated: false,
    id: account.id,
    identity_provider: null,
    last_login: time(account.createdAt),
    name: account.name,
    sms_number: null,
    suspended_at: null,
    delinquent_at: null,
    two_factor_authentication: true,
    verified: true,
    country_of_residence: null,
    eco_dynos_enabled: false,
    eco_dynos_shutdown_at: null,
    pipeline_cost_consent_at: null,
    acknowledged_msa: false,
    acknowledged_msa_at: null,
    italian_customer_terms: null,
    italian_partner_terms: null,
    mfa_enabled: true,
    mfa_exemption: false,
    mfa_exemption_reason: null,
    mfa_experience: 'vaas',
    default_organization: null,
    default_team: null,
  };
}

function collaboratorView(app: App, collaborator: Collaborator): unknown {
  return {
    app: appIdentity(app),
    ...times(collaborator),
    id: collaborator.id,
    permissions: [],
    role: collaborator.role,
    user: { ...collaborator.user, federated: false },
  };
}

function teamOf({ platform, params }: Call): Platform['teams'][number] {
  const team = findNamed(platform.teams, params['team'] ?? '');
  if (!team) throw notFound('team');
  return team;
}

/** Every team of this account has one member: its owner. */
function memberView({ account }: Platform): unknown {
  return {
    ...times({ createdAt: account.createdAt, updatedAt: account.createdAt }),
    email: account.email,
    federated: false,
    id: account.id,
    identity_provider: null,
    role: 'admin',
    two_factor_authentication: true,
    user: { email: account.email, id: account.id, name: account.name },
  };
}

function teamView(team: Platform['teams'][number]): unknown {
  return {
    ...times(team),
    ...identity(team),
    credit_card_collections: true,
    default: false,
    enterprise_account: null,
    identity_provider: null,
    membership_limit: 25,
    pipeline_cost_consent_at: null,
    pipeline_cost_consent_user_email: null,
    provisioned_licenses: false,
    role: 'admin',
    type: 'team',
  };
}
