/** Power has a queue and a worker process of its own, so that a stuck patch can never hold its place. */
export const TaskQueue = { maintenance: 'maintenance', power: 'power' } as const;

export type QueueName = (typeof TaskQueue)[keyof typeof TaskQueue];
