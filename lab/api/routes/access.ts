import { versionOf } from '../../cluster/commands.ts';
import { PveError } from '../../cluster/errors.ts';
import { optionalText, SPEC, text } from '../parameters.ts';
import type { Call, Route } from '../route.ts';

/** `/version` and `/access`. */
export const ACCESS_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/version',
    parameters: {},
    permission: 'user',
    run: ({ node }) => versionOf(node),
  },
  {
    method: 'POST',
    path: '/access/ticket',
    parameters: {
      username: { type: 'string' },
      password: { type: 'string' },
      realm: SPEC.text,
      otp: SPEC.text,
      path: SPEC.text,
      privs: SPEC.text,
      'new-format': SPEC.flag,
      'tfa-challenge': SPEC.text,
    },
    permission: 'world',
    run: logIn,
  },
  {
    method: 'GET',
    path: '/access/permissions',
    parameters: { path: SPEC.text, userid: SPEC.text },
    permission: 'user',
    run: permissions,
  },
];

function logIn({ access, cluster, parameters }: Call): unknown {
  const realm = optionalText(parameters, 'realm');
  const name = text(parameters, 'username');
  const { ticket, csrf, username } = access.login(realm ? `${name}@${realm}` : name, text(parameters, 'password'));
  return {
    ticket,
    CSRFPreventionToken: csrf,
    username,
    clustername: cluster.site.cluster,
    cap: access.permissions({ user: username, token: undefined })['/'],
  };
}

function permissions({ access, identity, parameters }: Call): unknown {
  const userid = optionalText(parameters, 'userid');
  if (userid !== undefined && userid !== identity.user && userid !== identity.token) {
    throw new PveError(403, 'Permission check failed (/access, Sys.Audit)');
  }
  const all = access.permissions(identity);
  const path = optionalText(parameters, 'path');
  return path === undefined ? all : { [path]: all['/'] ?? {} };
}
