import {
  ProxmoxError,
  type ClusterResources,
  type GuestRef,
  type MigratePreconditions,
  type ProxmoxClient,
} from '../clients/proxmox/index.ts';
import type { Guest, Obstacle } from '../domain/cluster.ts';

/** Models of CPU by node, of those that are online. */
export type CpuModels = ReadonlyMap<string, string>;

type Mobility = Pick<Guest, 'obstacles' | 'hasLocalDisks' | 'replicatedTo' | 'startupOrder'>;

/** What holds a guest on its node, asked of Proxmox and read from its configuration. */
export async function readMobility(
  proxmox: ProxmoxClient,
  guest: GuestRef,
  resources: ClusterResources,
  cpuModels: () => Promise<CpuModels>,
): Promise<Mobility> {
  const [preconditions, config, replications] = await Promise.all([
    preconditionsOf(proxmox, guest),
    proxmox.guestConfig(guest),
    proxmox.replications(guest.node),
  ]);
  const replicatedTo = replications.filter((job) => job.guest === guest.vmid && !job.disabled).map((job) => job.target);
  const startupOrder = config.startup.order ?? null;
  const byTarget = preconditions ? targetObstacles(preconditions) : [];
  if (guest.type === 'qemu') {
    return {
      obstacles: [
        ...deviceObstacles(preconditions),
        ...imageObstacles(preconditions),
        ...(await cpuObstacles(config.raw['cpu'], guest.node, cpuModels)),
        ...byTarget,
      ],
      hasLocalDisks: (preconditions?.localDisks.length ?? 0) > 0 || generatedImages(preconditions).length > 0,
      replicatedTo,
      startupOrder,
    };
  }
  return {
    obstacles: [...containerObstacles(config.raw), ...byTarget],
    hasLocalDisks: volumesOf(config.raw).some((volume) => !isShared(volume, guest.node, resources)),
    replicatedTo,
    startupOrder,
  };
}

/** Proxmox does not ask: a VM that was shown the CPU of its node meets other instructions there, and may crash. */
async function cpuObstacles(
  cpu: string | undefined,
  home: string,
  readModels: () => Promise<CpuModels>,
): Promise<Obstacle[]> {
  const type = /^(?:cputype=)?(host|max)(?:,|$)/.exec(cpu ?? '')?.[1];
  if (type === undefined) return [];
  const models = await readModels();
  const own = models.get(home) ?? 'an unknown model';
  return [...models].flatMap(([target, model]): Obstacle[] =>
    target === home || model === own
      ? []
      : [{ code: 'cpu-model', detail: `${type} of ${own} would meet ${model}`, target }],
  );
}

/** Containers have the call since Proxmox 9.0; before, their configuration alone must do. */
async function preconditionsOf(proxmox: ProxmoxClient, guest: GuestRef): Promise<MigratePreconditions | null> {
  try {
    return await proxmox.migratePreconditions(guest);
  } catch (error) {
    if (guest.type === 'lxc' && error instanceof ProxmoxError && error.type === 'ProxmoxNotImplemented') return null;
    throw error;
  }
}

function deviceObstacles(preconditions: MigratePreconditions | null): Obstacle[] {
  const mapped = new Set(preconditions?.mappedResources);
  return [
    ...(preconditions?.localResources ?? [])
      .filter((detail) => !mapped.has(detail))
      .map((detail): Obstacle => ({ code: 'passthrough', detail })),
    ...[...mapped].map((detail): Obstacle => ({ code: 'mapped-resource', detail })),
  ];
}

/** Proxmox makes a cloud-init image itself and moves it like a disk; any other one has to be taken out of the drive. */
function imageObstacles(preconditions: MigratePreconditions | null): Obstacle[] {
  const generated = generatedImages(preconditions);
  return (preconditions?.localImages ?? [])
    .filter((image) => !generated.includes(image))
    .map((detail): Obstacle => ({ code: 'local-image', detail }));
}

function generatedImages(preconditions: MigratePreconditions | null): string[] {
  return (preconditions?.localImages ?? []).filter((image) => /cloudinit/.test(image));
}

function targetObstacles({ notAllowed }: MigratePreconditions): Obstacle[] {
  return [...notAllowed].flatMap(([target, found]): Obstacle[] => [
    ...found.storages.map((detail): Obstacle => ({ code: 'storage-unavailable', detail, target })),
    ...found.resources.map((detail): Obstacle => ({ code: 'mapped-resource', detail, target })),
    ...found.ha.map(({ sid, cause }): Obstacle => ({ code: 'ha-rule', detail: `${sid} ${cause}`, target })),
  ]);
}

/** `mp0: /tank/media,mp=/media` binds a path of the node; `shared=1` says that every node has it. */
function containerObstacles(config: Readonly<Record<string, string>>): Obstacle[] {
  return Object.entries(config).flatMap(([key, value]): Obstacle[] => {
    if (/^mp\d+$/.test(key) && value.startsWith('/') && !/(?:^|,)shared=1(?:,|$)/.test(value)) {
      return [{ code: 'bind-mount', detail: `${key} ${value.split(',')[0] ?? ''}` }];
    }
    return /^dev\d+$/.test(key) ? [{ code: 'passthrough', detail: key }] : [];
  });
}

/** Volume ids such as `local-zfs:subvol-192-disk-0`, of the root file system and the mount points. */
function volumesOf(config: Readonly<Record<string, string>>): string[] {
  return Object.entries(config)
    .filter(([key, value]) => (key === 'rootfs' || /^mp\d+$/.test(key)) && !value.startsWith('/'))
    .map(([, value]) => value.split(',')[0] ?? '');
}

function isShared(volume: string, node: string, resources: ClusterResources): boolean {
  const storage = volume.split(':')[0];
  return resources.storages.some((each) => each.node === node && each.storage === storage && each.shared);
}
