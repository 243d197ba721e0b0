import { optionalText, SPEC } from '../parameters.ts';
import { guestOf } from '../route.ts';
import type { Call, Route } from '../route.ts';

const GUEST = { node: SPEC.node, vmid: SPEC.vmid } as const;
const UNRESTRICTED = { path: '/vms/{vmid}', privileges: ['VM.GuestAgent.Unrestricted'] } as const;
const MAX_INPUT = 65_536;

/** `/nodes/{node}/qemu/{vmid}/agent`, as far as commands are run by it. */
export const AGENT_ROUTES: readonly Route[] = [
  {
    method: 'POST',
    path: '/nodes/{node}/qemu/{vmid}/agent/exec',
    parameters: {
      ...GUEST,
      command: { type: 'array' },
      'input-data': { type: 'string', optional: true, pattern: new RegExp(`^[^]{0,${MAX_INPUT}}$`) },
    },
    permission: UNRESTRICTED,
    run: (call) => ({
      pid: agentOf(call).exec(call.parameters['command'] as string[], optionalText(call.parameters, 'input-data')),
    }),
  },
  {
    method: 'GET',
    path: '/nodes/{node}/qemu/{vmid}/agent/exec-status',
    parameters: { ...GUEST, pid: { type: 'integer' } },
    permission: UNRESTRICTED,
    run: (call) => agentOf(call).status(Number(call.parameters['pid'])),
  },
];

function agentOf(call: Call) {
  const { agent } = guestOf(call, 'qemu');
  agent.assertAnswers();
  return agent;
}
