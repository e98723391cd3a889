// A real daemon with a folder of its own, which tests kill and start again.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const TOKEN = "default-admin-token-change-me";
export const repository = fileURLToPath(new URL("../../../..", import.meta.url));
const program = process.env["STAGELOG_DAEMON"] ?? join(repository, "build/bin/stagelogd");

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

export class DaemonProcess {
  private child: ChildProcess | undefined;
  readonly folder = mkdtempSync(join(tmpdir(), "stagelog-js-"));
  port = 0;

  static async start(config = ""): Promise<DaemonProcess> {
    const daemon = new DaemonProcess();
    daemon.port = await freePort();
    writeFileSync(
      join(daemon.folder, "operator.yaml"),
      `storage: {runs_dir: ${daemon.folder}/runs, backup_dir: ${daemon.folder}/backups}\n${config}`,
    );
    await daemon.start();
    return daemon;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves once it listens. */
  async start(): Promise<void> {
    if (!existsSync(program)) throw new Error(`there is no ${program}: build it, or set STAGELOG_DAEMON`);
    const child = spawn(program, ["--config", join(this.folder, "operator.yaml"), "--port", String(this.port)], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child = child;
    let said = "";
    await new Promise<void>((resolve, reject) => {
      const look = (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes("serving http://")) resolve();
      };
      child.stdout.on("data", look);
      child.stderr.on("data", look);
      child.on("exit", () => reject(new Error(`the daemon has ended: ${said}`)));
    });
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.exitCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
  }

  async post(path: string, body: unknown, token = TOKEN): Promise<Record<string, unknown>> {
    const response = await fetch(this.url + path, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(this.url + path, { headers: { Authorization: `Bearer ${TOKEN}` } });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** `count` logs with the messages `from`, `from` + 1, ... */
  async postLogs(job: string, count: number, from = 1): Promise<void> {
    const batch = Array.from({ length: count }, (_, i) => ({ type: "log", message: String(from + i) }));
    for (let i = 0; i < batch.length; i += 1000)
      await this.post(`/api/v1/jobs/${job}/events`, batch.slice(i, i + 1000));
  }

  /** Open streams, as the daemon counts them. */
  async streams(): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    return Number(/^stagelog_subscribers (\d+)/m.exec(text)?.[1] ?? NaN);
  }
}

/** Resolves once `holds` does; it is asked again after each turn of the event loop's timers. */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string, seconds = 20): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
