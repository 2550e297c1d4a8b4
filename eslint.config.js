import tseslint from 'typescript-eslint'

const ambient = [
  { name: 'setTimeout', message: 'Take a Clock.' },
  { name: 'setInterval', message: 'Take a Clock.' },
]
/** Turns of the event loop: only I/O may wait for one, to write at once what a turn brought. */
const turns = [
  { name: 'setImmediate', message: 'Take a Clock, or be called by who does I/O.' },
  { name: 'queueMicrotask', message: 'Take a Clock, or be called by who does I/O.' },
]
const takeClock = 'Take a Clock.'

export default tseslint.config(
  { ignores: ['dist/', 'data/', '.tap/', '.mutation/', 'eslint.config.js', '**/*.mjs'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // A subscriber picks events and says `default` of the rest.
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      eqeqeq: 'error',
    },
  },
  {
    files: ['src/**'],
    ignores: ['src/timing/clock.ts', 'src/cluster/**', 'src/handlers/**', 'src/admin/page/**'],
    rules: {
      'no-restricted-globals': ['error', ...ambient, ...turns],
      'no-restricted-imports': [
        'error',
        ...['timers', 'timers/promises'].map((name) => ({
          name: `node:${name}`,
          message: takeClock,
        })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: takeClock },
        { object: 'performance', property: 'now', message: takeClock },
        { object: 'process', property: 'nextTick', message: takeClock },
        { object: 'process', property: 'hrtime', message: takeClock },
        { object: 'Math', property: 'random', message: 'Take a source of randomness.' },
      ],
      'no-restricted-syntax': [
        'error',
        // With an argument it is only a way to write a time down.
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: takeClock },
        { selector: "CallExpression[callee.name='Date']", message: takeClock },
      ],
    },
  },
  {
    // I/O that gathers what one turn of the event loop brings into one write.
    files: ['src/store/**', 'src/upstream/**'],
    rules: { 'no-restricted-globals': ['error', ...ambient], 'no-restricted-imports': 'off' },
  },
  {
    // JavaScript as the browser gets it, with its types in comments, which tsc checks.
    files: ['src/admin/page/*.js'],
    rules: { '@typescript-eslint/explicit-module-boundary-types': 'off' },
  },
  {
    files: ['test/**'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', package: '@tapjs/test', name: 'test' }] },
      ],
    },
  },
)
