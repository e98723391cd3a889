// A real browser, with pages of this origin, of another port and of another site.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DaemonProcess, TOKEN } from "./daemon_process.js";

function browserPath(): string | undefined {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    try {
      return execFileSync("which", [name]).toString().trim();
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

const executablePath = browserPath();
const mustRun = process.env["STAGELOG_REQUIRE_ALL"] !== undefined;
const inBrowser = test.skipIf(!executablePath && !mustRun);

let browser: Browser;
let daemon: DaemonProcess;
let elsewhere: Server;
let otherPort = 0;

beforeAll(async () => {
  if (!executablePath && mustRun) throw new Error("chromium is not installed");
  if (!executablePath) return;
  elsewhere = createServer((_, answer) => {
    answer.setHeader("Content-Type", "text/html");
    answer.end("<!doctype html><title>elsewhere</title><iframe name=sink></iframe>");
  }).listen(0, "127.0.0.1");
  await once(elsewhere, "listening");
  otherPort = (elsewhere.address() as AddressInfo).port;
  daemon = await DaemonProcess.start(`server: {allowed_origins: ["http://127.0.0.1:${otherPort}"]}\n`);
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
});

afterAll(async () => {
  await browser?.close();
  await daemon?.stop();
  elsewhere?.close();
});

/** Signed in as the admin, by a one-time link. */
async function signedIn(): Promise<{ context: BrowserContext; page: Page }> {
  const { link } = await daemon.post("/api/v1/session/link", {});
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${daemon.url}/#link=${link as string}`);
  await page.waitForSelector("#signed-in:visible");
  expect(page.url(), "the link's secret is taken off the address").toBe(`${daemon.url}/`);
  return { context, page };
}

async function openGate(job: string, payload: object = {}): Promise<void> {
  await daemon.post(`/api/v1/jobs/${job}/events`, { type: "gate_pause", gate: "g", payload });
}

async function gateStatus(job: string): Promise<unknown> {
  const answer = await fetch(`${daemon.url}/api/v1/jobs/${job}/gates/g`, {
    headers: { Authorization: `Bearer ${TOKEN}` },
  });
  return ((await answer.json()) as { status: string }).status;
}

inBrowser("the page decides a gate by its rules, and shows what comes while it is open", async () => {
  const { context, page } = await signedIn();
  await openGate("page", {
    prompt: "<img src=x onerror=alert(1)>",
    fields: [{ name: "n", type: "number", required: true }],
  });
  const card = page.locator(".gate", { hasText: "of page" });
  await card.waitFor();
  expect(await card.textContent()).toContain("<img src=x");
  await card.locator("input").first().press("Enter");
  await card.getByRole("button", { name: "Approve" }).click();
  await card.getByText("requires an answer to 'n'").waitFor();
  expect(await gateStatus("page")).toBe("pending");
  await card.getByLabel("n (required)").fill("7");
  await card.getByRole("button", { name: "Approve" }).click();
  await card.waitFor({ state: "detached" });
  expect(await gateStatus("page")).toBe("approved");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForSelector("#sign-in:visible");
  await context.close();
});

/** What a page elsewhere can do with the cookie that the browser has; the daemon's answers, where it sees them. */
async function attack(page: Page, target: string): Promise<Record<string, string>> {
  return page.evaluate(async (url) => {
    const seen: Record<string, string> = {};
    const attempt = async (name: string, init: RequestInit, path: string) => {
      try {
        const answer = await fetch(url + path, init);
        seen[name] = answer.type === "opaque" ? "opaque" : `${answer.status} ${await answer.text()}`;
      } catch (problem) {
        seen[name] = String(problem);
      }
    };
    await attempt("read", { credentials: "include" }, "/api/v1/jobs");
    await attempt("read without asking", { credentials: "include", mode: "no-cors" }, "/api/v1/jobs");
    const json = { "Content-Type": "application/json" };
    const approve = "/api/v1/jobs/attacked/gates/g/approve";
    await attempt("change", { method: "POST", credentials: "include", headers: json, body: "{}" }, approve);
    await attempt(
      "change with a guess",
      { method: "POST", credentials: "include", headers: { "X-Stagelog-Session": "x" } },
      approve,
    );
    await attempt(
      "change without asking",
      { method: "POST", credentials: "include", mode: "no-cors", body: "{}" },
      approve,
    );
    await attempt(
      "sign in",
      { method: "POST", credentials: "include", mode: "no-cors", body: '{"token":"x"}' },
      "/api/v1/session",
    );
    const form = document.createElement("form");
    form.action = url + approve;
    form.method = "post";
    form.target = "sink";
    document.body.append(form);
    form.submit();
    const source = new EventSource(`${url}/api/v1/events/stream`, { withCredentials: true });
    seen["stream"] = await new Promise((resolve) => {
      source.addEventListener("connected", () => resolve("connected"));
      source.onerror = () => resolve("refused");
    });
    source.close();
    return seen;
  }, target);
}

inBrowser("a page of another port, and one of another site, neither read nor change anything", async () => {
  const { context } = await signedIn();
  await openGate("attacked");
  for (const host of ["127.0.0.1", "localhost"]) {
    const page = await context.newPage();
    await page.goto(`http://${host}:${otherPort}/`);
    const seen = await attack(page, daemon.url);
    for (const [name, answer] of Object.entries(seen)) {
      expect(answer, `${host}: ${name}`).not.toMatch(/^2|connected|"jobs"/);
    }
    await page.waitForTimeout(200); // the form has no event to wait for
    expect(await gateStatus("attacked"), host).toBe("pending");
  }
  const metrics = await (await fetch(`${daemon.url}/metrics`)).text();
  expect(metrics).toMatch(/route="\/api\/v1\/jobs",status="403"\} [1-9]/); // the cookie came, and did not count
  await context.close();
});

inBrowser("a native EventSource of another origin reads by a ticket, over restarts", async () => {
  const { ticket } = await daemon.post("/api/v1/tickets", { job: "watched" });
  await daemon.post("/api/v1/jobs/watched/events", { type: "log", message: "0" });
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${otherPort}/`);
  await page.evaluate(
    ([url, secret]) => {
      const seen: string[] = [];
      Object.assign(window, { seen });
      const source = new EventSource(`${url}/api/v1/jobs/watched/events/stream?ticket=${secret}`);
      source.onmessage = (event) => seen.push((JSON.parse(event.data as string) as { message: string }).message);
    },
    [daemon.url, ticket as string],
  );
  const count = 60;
  for (let number = 1; number < count; ++number) {
    if (number % 20 === 10) await daemon.kill(number === 30 ? "SIGTERM" : "SIGKILL");
    if (number % 20 === 10) await daemon.start();
    await daemon.post("/api/v1/jobs/watched/events", { type: "log", message: String(number) });
  }
  await page.waitForFunction((all) => (window as unknown as { seen: string[] }).seen.length >= all, count);
  const seen = await page.evaluate(() => (window as unknown as { seen: string[] }).seen);
  expect(seen).toEqual(Array.from({ length: count }, (_, number) => String(number)));
  await context.close();
});
