import eslint from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { explainedDisable } from './scripts/lint/explained-disable.js';
import { roomDirection } from './scripts/lint/rooms.js';

const house = { rules: { 'room-direction': roomDirection, 'explained-disable': explainedDisable } };

const TEMPORAL_ERRORS = {
  selector: 'ThrowStatement > NewExpression[callee.name=/^(Error|TypeError|RangeError)$/]',
  message:
    'Throw an ApplicationFailure with a type: a plain Error leaves a workflow running for ever and an activity retrying for ever.',
};
const ASYNC_VALIDATOR = {
  selector: 'Property[key.name="validator"][value.async=true]',
  message: 'The validator of an update must be synchronous: an async one hangs the update and wedges the workflow.',
};
const WALL_CLOCK = [
  {
    selector: 'MemberExpression[object.name="Date"][property.name="now"]',
    message: 'Take the time as an argument: this room decides from its input alone.',
  },
  {
    selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
    message: 'Take the time as an argument: this room decides from its input alone.',
  },
];
const RANDOM = {
  object: 'Math',
  property: 'random',
  message: 'Not deterministic. In a workflow use uuid4() of @temporalio/workflow.',
};
const UNTIMELY_GLOBALS = ['process', 'fetch', 'crypto', 'performance', 'setInterval', 'setImmediate', 'Buffer'].map(
  (name) => ({ name, message: 'Not available to deterministic code. Effects belong in activities/.' }),
);
const NO_TIMEOUTS = { name: 'setTimeout', message: 'Use sleep() or condition() of @temporalio/workflow.' };
const FOCUSED_TEST = {
  selector: 'MemberExpression[object.name=/^(it|test|describe)$/][property.name=/^(only|skip|todo|fails)$/]',
  message: 'A test is run or deleted. Skipped and focused tests do not stay.',
};

export default defineConfig(
  globalIgnores(['node_modules/', '.caretaker/', 'dist/', 'coverage/']),
  eslint.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { house },
    rules: {
      'house/room-direction': 'error',
      'house/explained-disable': 'error',
      eqeqeq: 'error',
      'no-console': 'error',
      'object-shorthand': 'error',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-deprecated': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // Interfaces of clients and of test doubles are async although one implementation need not be.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly', setTimeout: 'readonly' } },
  },
  {
    files: ['domain/**', 'planning/**', 'reports/**'],
    rules: {
      'no-restricted-globals': ['error', ...UNTIMELY_GLOBALS, NO_TIMEOUTS],
      'no-restricted-properties': ['error', RANDOM],
      'no-restricted-syntax': ['error', ...WALL_CLOCK],
    },
  },
  {
    files: ['workflows/**'],
    rules: {
      'no-restricted-globals': ['error', ...UNTIMELY_GLOBALS, NO_TIMEOUTS],
      'no-restricted-properties': ['error', RANDOM],
      'no-restricted-syntax': ['error', TEMPORAL_ERRORS, ASYNC_VALIDATOR],
    },
  },
  { files: ['activities/**'], rules: { 'no-restricted-syntax': ['error', TEMPORAL_ERRORS] } },
  {
    files: ['test/**'],
    rules: { 'no-restricted-syntax': ['error', FOCUSED_TEST] },
  },
  { files: ['scripts/**', 'lab/main.ts'], rules: { 'no-console': 'off' } },
);
