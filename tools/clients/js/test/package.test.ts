// The package as somebody installs it: what is in it, how large it is, and the examples of its README.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DaemonProcess, TOKEN } from "./daemon_process.js";

const source = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "stagelog-package-"));
const readme = readFileSync(join(source, "README.md"), "utf8");
let daemon: DaemonProcess;

beforeAll(async () => {
  daemon = await DaemonProcess.start();
  const packed = execFileSync("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder], {
    cwd: source,
    encoding: "utf8",
  });
  writeFileSync(join(folder, "package.json"), '{"private": true, "type": "module"}');
  const archive = join(folder, packed.trim().split("\n").at(-1)!);
  execFileSync(
    "npm",
    ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps", archive],
    {
      cwd: folder,
    },
  );
}, 60_000);

afterAll(async () => {
  await daemon?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The block of the README that has `text`, as a program in the folder where the package is installed. */
function runExample(text: string): string {
  const block = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].find(([, code]) => code!.includes(text));
  const program = join(folder, `${text.replace(/\W/g, "")}.mjs`);
  writeFileSync(program, block![1]!);
  const env = { ...process.env, STAGELOG_URL: daemon.url, STAGELOG_TOKEN: TOKEN };
  const done = spawnSync(process.execPath, [program], { cwd: folder, env, encoding: "utf8", timeout: 20_000 });
  expect(done.stderr).toBe("");
  expect(done.status).toBe(0);
  return done.stdout;
}

test("the examples of the README run as printed", async () => {
  runExample("createJobLogger");
  expect(await daemon.get("/api/v1/jobs/nightly-42")).toMatchObject({ status: "completed", pipeline: "nightly" });
  const shown = runExample("streamEvents");
  expect(shown).toContain("stage_started");
  const runs = join(folder, "runs");
  mkdirSync(runs);
  execFileSync("cp", ["-r", join(daemon.folder, "runs/nightly-42"), runs]);
  const state = JSON.parse(runExample("JobFold")) as Record<string, unknown>;
  expect(state).toMatchObject({ job_id: "nightly-42", status: "completed" });
}, 60_000);

test("less than 8 KiB without React, packed and gzipped; nothing of React or of Node in it", async () => {
  const entry = join(folder, "entry.js");
  writeFileSync(entry, "export * from 'stagelog-client';");
  const { outputFiles } = await build({
    entryPoints: [entry],
    absWorkingDir: folder,
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
  });
  const code = outputFiles[0]!.text;
  expect(gzipSync(code, { level: 9 }).length).toBeLessThan(8192);
  expect(code).not.toMatch(/react|node:/);
  expect(code).toContain("createJobLogger");
});

test("what is published", () => {
  const files = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: source,
    encoding: "utf8",
  });
  const [{ files: list }] = JSON.parse(files) as [{ files: { path: string }[] }];
  const paths = list.map(({ path }) => path);
  expect(paths).toContain("dist/index.d.ts");
  expect(paths).toContain("dist/react/log.css");
  expect(paths.filter((path) => !/^(dist\/|README\.md$|package\.json$)/.test(path))).toEqual([]);
});
