#!/usr/bin/env node
// The `caretaker` command. Works from any folder: relative paths in its arguments are the caller's.
import { main } from './bootstrap.mjs';

await main('scripts/cli/main.ts', process.argv.slice(2));
