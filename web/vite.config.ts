import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vitest/config';

const api = process.env.SAQSHY_URL ?? 'http://127.0.0.1:4780';

export default defineConfig({
  plugins: [sveltekit()],
  server: {
    // The texts live beside the server's, outside this folder.
    fs: { allow: ['..'] },
    proxy: { '/api': api, '/ack': api, '/healthz': api }
  },
  build: { target: 'es2022' },
  test: { include: ['src/**/*.test.ts', 'tests/**/*.test.ts'], environment: 'node' }
});
