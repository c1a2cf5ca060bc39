import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

const server = process.env.DEV_SERVER ?? 'http://127.0.0.1:3000';

export default defineConfig({
  root: 'web',
  plugins: [vue()],
  build: { outDir: 'dist', emptyOutDir: true, target: 'es2022' },
  server: {
    proxy: { '/api': server, '/version': server, '/socket.io': { target: server, ws: true } },
  },
});
