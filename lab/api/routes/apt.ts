import type { PackageState } from '../../core/machine.ts';
import { managerVersion } from '../../cluster/commands.ts';
import { SPEC } from '../parameters.ts';
import { caller } from '../route.ts';
import type { Call, Route } from '../route.ts';

const AUDIT_NODE = { path: '/nodes/{node}', privileges: ['Sys.Audit'] } as const;
const MODIFY_NODE = { path: '/nodes/{node}', privileges: ['Sys.Modify'] } as const;

/** `/nodes/{node}/apt`: looking and refreshing; upgrading has no API. */
export const APT_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/nodes/{node}/apt/update',
    parameters: { node: SPEC.node },
    permission: MODIFY_NODE,
    run: ({ node }) => node.machine.packages.map((item) => entry(item)),
  },
  {
    method: 'POST',
    path: '/nodes/{node}/apt/update',
    parameters: { node: SPEC.node, notify: SPEC.flag, quiet: SPEC.flag },
    permission: MODIFY_NODE,
    run: refresh,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/apt/versions',
    parameters: { node: SPEC.node },
    permission: AUDIT_NODE,
    run: versions,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/apt/repositories',
    parameters: { node: SPEC.node },
    permission: AUDIT_NODE,
    run: ({ node }) => ({
      digest: 'b1946ac92492d2347c6235b4d2611184',
      errors: Object.entries(node.spec.unreadableSources ?? {}).map(([path, error]) => ({ path, error })),
      files: [
        {
          path: '/etc/apt/sources.list.d/proxmox.sources',
          'file-type': 'sources',
          digest: [1, 2, 3, 4],
          repositories: [
            {
              Types: ['deb'],
              URIs: [
                node.spec.troubles?.enterprise === undefined
                  ? 'http://download.proxmox.com/debian/pve'
                  : 'https://enterprise.proxmox.com/debian/pve',
              ],
              Suites: ['trixie'],
              Components: [node.spec.troubles?.enterprise === undefined ? 'pve-no-subscription' : 'pve-enterprise'],
              Enabled: 1,
              FileType: 'sources',
            },
          ],
        },
      ],
      infos: [],
      'standard-repos': [
        ...(node.spec.troubles?.enterprise === undefined
          ? [
              { handle: 'enterprise', name: 'Enterprise' },
              { handle: 'no-subscription', name: 'No-Subscription', status: 1 },
            ]
          : [
              { handle: 'enterprise', name: 'Enterprise', status: 1 },
              { handle: 'no-subscription', name: 'No-Subscription' },
            ]),
      ],
    }),
  },
];

function entry(item: PackageState): Record<string, string> {
  return {
    Package: item.name,
    Title: item.title,
    Description: item.title,
    Arch: item.arch,
    Section: item.section,
    Priority: item.priority,
    Origin: item.origin,
    Version: item.candidate,
    ...(item.installed === undefined ? {} : { OldVersion: item.installed }),
  };
}

/** `aptupdate`: reads the repositories anew. */
function refresh(call: Call): string {
  const { cluster, node } = call;
  return cluster.tasks.start(node, 'aptupdate', '', caller(call), async (task) => {
    task.log('starting apt-get update');
    await node.machine.refreshPackages((line) => task.log(line.trimEnd()));
  }).upid;
}

/** Installed packages that matter to Proxmox VE; the kernel that runs is told with `proxmox-ve`. */
function versions({ node }: Call): unknown {
  return node.machine.installedPackages
    .filter((item) => item.origin === 'Proxmox')
    .map((item) => ({
      ...entry(item),
      CurrentState: 'Installed',
      OldVersion: item.installed,
      ...(item.name === 'proxmox-ve' ? { RunningKernel: node.machine.runningKernel } : {}),
      ...(item.name === 'pve-manager' ? { ManagerVersion: managerVersion(node) } : {}),
    }));
}
