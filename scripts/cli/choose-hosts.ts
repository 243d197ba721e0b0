import { nearest } from '../../config/did-you-mean.ts';
import type { HostConfig } from '../../config/hosts-schema.ts';
import type { Config } from '../../config/schema.ts';
import { CliError } from './terminal.ts';

/**
 * The hosts of the inventory that are meant, in its order.
 *
 * @param names Names of hosts and groups; none: all hosts.
 * @throws {CliError} for a name that is neither, and where there is no inventory.
 */
export function chooseHosts({ hosts }: Config, names: readonly string[]): readonly HostConfig[] {
  if (hosts.length === 0) {
    throw new CliError(
      'The configuration has no hosts. Add the section hosts; config/caretaker.example.yaml shows it.',
    );
  }
  if (names.length === 0) return hosts;
  const known = [...new Set(hosts.flatMap(({ name, groups }) => [name, ...groups]))];
  const stranger = names.find((name) => !known.includes(name));
  if (stranger !== undefined) {
    const guess = nearest(stranger, known);
    const hint = guess === null ? `Hosts and groups: ${known.join(', ')}.` : `Did you mean ${guess}?`;
    throw new CliError(`${stranger} is neither a host nor a group of the configuration. ${hint}`);
  }
  return hosts.filter(({ name, groups }) => [name, ...groups].some((each) => names.includes(each)));
}
