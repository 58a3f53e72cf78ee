import { defineConfig, devices } from '@playwright/test';

const real = process.env.SAQSHY_URL;
const mock = 'http://127.0.0.1:4781';

export default defineConfig({
  testDir: 'e2e',
  fullyParallel: false,
  workers: 1,
  timeout: 90_000,
  expect: { timeout: 15_000 },
  reporter: [['list']],
  use: {
    ...devices['Desktop Chrome'],
    viewport: { width: 1440, height: 900 },
    ignoreHTTPSErrors: true,
    trace: 'retain-on-failure',
    // An element that does not come fails with its name instead of running into the test's own limit.
    actionTimeout: 20_000,
    launchOptions: {
      executablePath: process.env.SAQSHY_CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']
    }
  },
  projects: [
    { name: 'mock', testMatch: 'mock.*.spec.ts', use: { baseURL: mock } },
    { name: 'real', testMatch: 'real.spec.ts', use: { baseURL: real ?? mock } },
    { name: 'chain', testMatch: 'chain.spec.ts', use: { baseURL: real ?? mock } }
  ],
  // The stand-in serves the built console with the same content policy as the server does.
  ...(real ? {} : { webServer: { command: 'node mock/server.mjs', env: { PORT: '4781' }, url: mock, reuseExistingServer: false } })
});
