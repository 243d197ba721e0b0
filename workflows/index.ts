/** The only entry of the workflow bundle. */
export { rollingUpdate } from './rolling-update.ts';
export { updateNode } from './update-node.ts';
