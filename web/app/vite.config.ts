import { defineConfig } from 'vite';

// The gateway that "npm run dev" asks: VIEWGATE=http://127.0.0.1:8080.
const gateway = process.env.VIEWGATE ?? 'http://127.0.0.1:8080';

export default defineConfig({
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    assetsDir: 'app',
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    license: { fileName: 'licenses.md' },
  },
  server: {
    proxy: {
      '/graphql': { target: gateway, ws: true, changeOrigin: true, rewriteWsOrigin: true },
      '/demo': gateway,
      '/views': gateway,
      '/playground': gateway,
      '/assets': gateway,
    },
  },
});
