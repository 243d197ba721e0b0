import type { Command } from 'commander';
import { checkNutClients, runNutClients, type NutClientsFlags } from './commands/power-clients.ts';
import type { Session, Site } from './context.ts';
import type { ExitCode } from './terminal.ts';

type Run<Context> = (command: (context: Context) => Promise<ExitCode>) => Promise<void>;

/** The commands about power: `caretaker power …`. */
export function addPower(program: Command, run: Run<Session>, runOnSite: Run<Site>): void {
  const power = program
    .command('power')
    .description('the UPS and what happens when the mains are gone')
    .helpCommand(false);
  addClients(power, run, runOnSite);
}

function addClients(power: Command, run: Run<Session>, runOnSite: Run<Site>): void {
  const clients = power
    .command('clients')
    .description('NUT on the nodes, which shuts them down when Caretaker is dead')
    .helpCommand(false);
  for (const { name, description, task } of CHANGES) {
    clients
      .command(name)
      .description(description)
      .argument('[nodes...]', 'only these nodes (default: all)')
      .option('--json', 'print one JSON document at the end')
      .action((nodes: string[], flags: NutClientsFlags) =>
        run((session) => runNutClients(session, task, nodes, flags)),
      );
  }
  clients
    .command('check')
    .description('show whether each node is protected; changes nothing')
    .argument('[nodes...]', 'only these nodes (default: all)')
    .option('--json', 'print one JSON document')
    .action((nodes: string[], flags: NutClientsFlags) => runOnSite((site) => checkNutClients(site, nodes, flags)));
}

const CHANGES = [
  { name: 'install', description: 'make the nodes clients of the NUT server, and prove it', task: 'provision' },
  { name: 'remove', description: 'put back what was there before', task: 'remove' },
] as const;
