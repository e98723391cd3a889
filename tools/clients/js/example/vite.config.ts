// The daemon is reached through this server, which adds the token: the page has none.
import { fileURLToPath } from "node:url";
import { defineConfig, type ProxyOptions } from "vite";

const source = (path: string) => fileURLToPath(new URL(`../src/${path}`, import.meta.url));
const daemon = process.env["STAGELOG_URL"] ?? "http://127.0.0.1:8008";
const token = process.env["STAGELOG_TOKEN"] ?? "default-admin-token-change-me";
const proxy: Record<string, ProxyOptions> = {
  "/api": {
    target: daemon,
    headers: { Authorization: `Bearer ${token}` },
    // A stream that the page has left must not stay open at the daemon.
    configure: (server) => {
      server.on("proxyReq", (upstream, _, response) => response.on("close", () => upstream.destroy()));
    },
  },
};

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  esbuild: { jsx: "automatic" },
  server: { proxy },
  preview: { proxy },
  resolve: {
    // In a project of your own: npm install stagelog-client.
    alias: [
      { find: "stagelog-client/log.css", replacement: source("react/log.css") },
      { find: "stagelog-client/react", replacement: source("react/index.ts") },
      { find: "stagelog-client", replacement: source("index.ts") },
    ],
  },
});
