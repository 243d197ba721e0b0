/** The folders below test/ that are vitest projects, and whether their tests need a Temporal server. */
const NEEDS_TEMPORAL = {
  unit: false,
  replay: false,
  workflow: true,
  integration: true,
  real: false,
  chaos: true,
} as const;

/**
 * Whether the tests that these vitest arguments choose need Temporal. When in doubt they do; a choice of layers by
 * `--project unit` or `test/unit/...` that needs none saves a first download.
 */
export function needsTemporal(args: readonly string[]): boolean {
  const chosen = args.flatMap((arg, index) => {
    const project = /^--project(?:=(.+))?$/.exec(arg);
    if (project !== null) return [project[1] ?? args[index + 1] ?? ''];
    const folder = /(?:^|\/)test\/([^/]+)/.exec(arg);
    return folder === null ? [] : [folder[1] ?? ''];
  });
  if (chosen.length === 0) return true;
  return chosen.some((layer) => !isLayer(layer) || NEEDS_TEMPORAL[layer]);
}

function isLayer(name: string): name is keyof typeof NEEDS_TEMPORAL {
  return name in NEEDS_TEMPORAL;
}
