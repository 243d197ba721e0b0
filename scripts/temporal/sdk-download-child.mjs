// Usage: node sdk-download-child.mjs temporal|temporal-test-server <directory>
// Has the SDK download the program into the directory. The only way it offers is to start the server, so it is started
// on a free port and stopped again.
import { TestWorkflowEnvironment } from '@temporalio/testing';

const [program, downloadDir] = process.argv.slice(2);
const server = { executable: { type: 'cached-download', downloadDir } };
try {
  const environment =
    program === 'temporal'
      ? await TestWorkflowEnvironment.createLocal({ server })
      : await TestWorkflowEnvironment.createTimeSkipping({ server });
  await environment.teardown();
} catch (error) {
  // One line, because the parent shows the last one.
  console.error(error.message.split('\n')[0]);
  process.exit(1);
}
process.exit(0);
