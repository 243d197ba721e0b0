import type { Command } from 'commander';
import { checkNutClients, runNutClients, type NutClientsFlags } from './commands/power-clients.ts';
import { ORDERS, orderPower, type OrderFlags, type PowerOrder } from './commands/power-orders.ts';
import { planPower, rehearsePower } from './commands/power-plan.ts';
import { simulatePower, type SimulateFlags } from './commands/power-simulate.ts';
import { powerReport, powerStatus } from './commands/power-status.ts';
import type { Session, Site } from './context.ts';
import type { ExitCode, Terminal } from './terminal.ts';

type Json = { readonly json?: boolean };
type Run<Context> = (command: (context: Context) => Promise<ExitCode>) => Promise<void>;

/** The commands about power: `caretaker power …`. */
export function addPower(
  program: Command,
  {
    run,
    runOnSite,
    alone,
  }: { readonly run: Run<Session>; readonly runOnSite: Run<Site>; readonly alone: Run<Terminal> },
): void {
  const power = program
    .command('power')
    .description('the UPS and what happens when the mains are gone')
    .helpCommand(false);
  power
    .command('status')
    .description('show the UPS, and the power cut that is being answered or how the last one ended')
    .option('-f, --follow', 'follow the power cut live to its end')
    .option('--json', 'print one JSON document')
    .action((flags: Json & { follow?: boolean }) => run((session) => powerStatus(session, flags)));
  for (const { name, description, command } of LOOKS) {
    power
      .command(name)
      .description(description)
      .option('--json', 'print one JSON document')
      .action((flags: Json) => run((session) => command(session, flags)));
  }
  power
    .command('simulate')
    .description('cut the mains of a lab on this machine and follow what happens; asks no real host for anything')
    .option('--minutes <number>', 'how long the mains are gone, by the clock of the lab', '25')
    .option('--scale <factor>', 'how many times faster than life the lab runs', '30')
    .action((flags: SimulateFlags) => alone((terminal) => simulatePower(terminal, flags)));
  for (const order of ORDERS) addOrder(power, order, run);
  addClients(power, run, runOnSite);
}

const LOOKS = [
  { name: 'plan', description: 'show what a power cut that begins now would do; changes nothing', command: planPower },
  { name: 'rehearse', description: 'go through a whole power cut; changes nothing', command: rehearsePower },
  { name: 'report', description: 'print the report of the last power cut', command: powerReport },
] as const;

function addOrder(power: Command, order: PowerOrder, run: Run<Session>): void {
  const command = power
    .command(order.name)
    .description(order.description)
    .option('--json', 'print one JSON document')
    .action((flags: OrderFlags) => run((session) => orderPower(session, order, flags)));
  if (order.warning !== undefined) command.option('-y, --yes', 'do not ask');
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
