// The daemon's description of its API, by another reader of JSON Schema than the one of tests/e2e/openapi_test.cc:
// every example is sent, and every answer is held against its schema.
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { expect, test } from "vitest";
import { DaemonProcess, TOKEN } from "./daemon_process.js";

interface Parameter {
  name: string;
  in: string;
  example?: string;
  schema: object;
}
interface Media {
  schema: object;
  examples?: Record<string, { value: unknown }>;
}
interface Operation {
  parameters?: (Parameter | { $ref: string })[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { content?: Record<string, Media> } | { $ref: string }>;
}
type Document = Record<string, unknown> & { paths: Record<string, Record<string, Operation>> };

test("examples and answers fit their schemas", async () => {
  const daemon = await DaemonProcess.start("webhooks: {allow_private: true}\n");
  const document = await daemon.get<Document>("/openapi.json");
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  ajv.addSchema(document, "api");
  const resolved = <T>(node: T | { $ref: string }): T => {
    if (!(node as { $ref?: string }).$ref) return node as T;
    const path = (node as { $ref: string }).$ref.slice(2).split("/");
    return path.reduce((at, key) => (at as Record<string, unknown>)[key], document as unknown) as T;
  };
  const check = (schema: object, value: unknown, what: string) => {
    const text = JSON.stringify(schema).replaceAll('"#/', '"api#/');
    const validate = ajv.compile(JSON.parse(text) as object);
    expect(validate(value), `${what}: ${ajv.errorsText(validate.errors)}`).toBe(true);
  };
  let sent = 0;
  const send = async (method: string, path: string, operation: Operation, type?: string, value?: unknown) => {
    const query = new URLSearchParams();
    let target = path;
    for (const parameter of (operation.parameters ?? []).map((node) => resolved<Parameter>(node))) {
      const { name, example } = parameter;
      if (parameter.in === "path") target = target.replace(`{${name}}`, example!);
      if (parameter.in === "query" && example !== undefined) query.set(name, example);
    }
    const what = `${method.toUpperCase()} ${target}?${query}`;
    const headers: Record<string, string> = { Authorization: `Bearer ${TOKEN}` };
    if (type) headers["Content-Type"] = type;
    const abort = new AbortController();
    const body = value === undefined ? null : typeof value === "string" ? value : JSON.stringify(value);
    const answer = await fetch(`${daemon.url}${target}?${query}`, {
      method: method.toUpperCase(),
      headers,
      body,
      signal: abort.signal,
    });
    const response = operation.responses[String(answer.status)];
    expect(answer.status, what).toBeLessThan(400);
    expect(response, `${what}: ${answer.status} is not described`).toBeDefined();
    const answered = (answer.headers.get("Content-Type") ?? "").split(";")[0]!;
    ++sent;
    if (answered === "text/event-stream") return abort.abort();
    const media = resolved<{ content?: Record<string, Media> }>(response!).content?.[answered];
    expect(media, `${what}: ${answered} is not described`).toBeDefined();
    const text = await answer.text();
    check(media!.schema, answered.includes("json") ? (JSON.parse(text) as unknown) : text, what);
  };
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method, path, operation })),
  );
  operations.sort((a, b) => Number(a.method === "delete") - Number(b.method === "delete")); // what deletes comes last
  for (const { method, path, operation } of operations) {
    if (method === "delete" && path === "/api/v1/session") continue; // a token has no session to end
    const examples = Object.entries(operation.requestBody?.content ?? {}).flatMap(([type, media]) =>
      Object.values(media.examples ?? {}).map(({ value }) => ({ type, value, media })),
    );
    for (const { type, value, media } of examples) {
      if (typeof value !== "string") check(media.schema, value, `the example of ${method} ${path}`);
      await send(method, path, operation, type, value);
    }
    if (examples.length === 0) await send(method, path, operation);
  }
  expect(sent).toBeGreaterThan(25);
  await daemon.stop();
});
