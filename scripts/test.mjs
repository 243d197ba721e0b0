// `npm test`: installs what is missing, then runs the tests. Arguments go to vitest: `npm test -- test/unit`.
import { main } from './bootstrap.mjs';

await main('scripts/run-tests.ts', process.argv.slice(2));
