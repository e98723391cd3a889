// A proxy between a client and the daemon that holds back answers without an end, or freezes.
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";

export class BufferingProxy {
  /** Answers are passed on once they are whole: a stream never is. */
  buffers = true;
  /** Streams are cut after so many bytes, within a frame or a character as it happens. */
  cutAfter = Infinity;
  cuts = 0;
  /** Nothing is passed on of what comes. */
  isFrozen = false;
  private readonly server: Server;

  private constructor(daemonPort: number) {
    this.server = createServer((incoming, outgoing) => this.pass(daemonPort, incoming, outgoing));
  }

  static async start(daemonPort: number): Promise<BufferingProxy> {
    const proxy = new BufferingProxy(daemonPort);
    proxy.server.listen(0, "127.0.0.1");
    await once(proxy.server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  private readonly written = new WeakMap<ServerResponse, number>();

  private write(outgoing: ServerResponse, chunk: Buffer, isStream: boolean): void {
    const before = this.written.get(outgoing) ?? 0;
    this.written.set(outgoing, before + chunk.length);
    if (!isStream || before + chunk.length <= this.cutAfter) {
      outgoing.write(chunk);
      return;
    }
    ++this.cuts;
    outgoing.write(chunk.subarray(0, Math.max(0, this.cutAfter - before)), () => outgoing.destroy());
  }

  private pass(port: number, incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { method, url, headers } = incoming;
    const upstream = request({ host: "127.0.0.1", port, method, path: url, headers }, (answer) => {
      const isHeld = this.buffers && answer.headers["content-type"] === "text/event-stream";
      const held: Buffer[] = [];
      const wasFrozen = () => this.isFrozen;
      if (!isHeld) outgoing.writeHead(answer.statusCode ?? 502, answer.headers).flushHeaders();
      answer.on("data", (chunk: Buffer) => {
        if (isHeld) held.push(chunk);
        else if (!wasFrozen()) this.write(outgoing, chunk, answer.headers["content-type"] === "text/event-stream");
      });
      answer.on("end", () => {
        if (isHeld) outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        outgoing.end(Buffer.concat(held));
      });
      answer.on("error", () => outgoing.destroy());
    });
    upstream.on("error", () => outgoing.destroy());
    outgoing.on("close", () => upstream.destroy());
    incoming.pipe(upstream);
  }
}
